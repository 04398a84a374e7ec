"""Precision at k: of attributes named with a positive weight, how many are truly wanted."""

import pytest
import torch

from prefactor.decoding.drift.recovery import chance_at, precision_at, true_attributes

TRUTH = torch.tensor([[0.5, 0.3, 0.2, 0.0], [0.9, -0.1, -0.8, 0.0]])


@pytest.mark.parametrize("k", [1, 2, 3, 4, 9])
def test_the_truth_itself_finds_all_that_is_true(k: int) -> None:
    expected = true_attributes(TRUTH, k).sum(-1) / k
    torch.testing.assert_close(precision_at(TRUTH, TRUTH, k), expected)


def test_only_positive_weights_name_and_only_positive_truth_counts() -> None:
    weights = torch.tensor([[-0.9, 0.4, 0.0, 0.2], [0.1, 0.6, 0.5, 0.0]])
    assert precision_at(weights, TRUTH, 1).tolist() == [0, 0]
    assert precision_at(weights, TRUTH, 2).tolist() == [0.5, 0]
    assert precision_at(weights, TRUTH, 3).tolist() == pytest.approx([1 / 3, 1 / 3])


def test_of_equal_true_weights_any_counts() -> None:
    truth = torch.tensor([[0.25, 0.25, 0.25, 0.25]])
    for number in range(4):
        assert precision_at(torch.eye(4)[number : number + 1], truth, 1).tolist() == [1]


def test_who_names_nothing_finds_nothing() -> None:
    assert precision_at(torch.zeros(2, 4), TRUTH, 3).tolist() == [0, 0]


@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_chance_is_the_mean_of_random_names(k: int) -> None:
    random = torch.rand(20_000, 4, generator=torch.Generator().manual_seed(0))
    for truth in TRUTH:
        mean = precision_at(random, truth.expand(len(random), -1), k).mean()
        assert mean == pytest.approx(float(chance_at(truth.unsqueeze(0), k)), abs=0.02)
