"""Precision at k: of attributes named by a positive score, how many are truly wanted; of both methods, every user."""

import numpy as np
import pytest
import torch

from prefactor.decoding.exact.memory import ANY_PROMPT, Memory
from prefactor.evaluation.generation.recovery import chance_at, precision_at, recovered, true_attributes

SHARES = np.array([[0.7, 0.3, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.5, 0.5, 0.0, 0.0]])
TRUTH = np.array([[0.5, 0.3, 0.2, 0.0], [0.9, -0.1, -0.8, 0.0]])


def test_what_was_selected_is_held_against_the_truth() -> None:
    weights = torch.tensor([[0.9, 0.1, 0.0, 0.0], [0.9, 0.1, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    nothing = np.full(2, np.nan)
    memory = Memory.of(3, np.arange(2), np.full(2, ANY_PROMPT), np.array([[1, 0], [3, 2]]), nothing, nothing)
    table = recovered(weights, memory, SHARES, ["a", "b", "c"], sizes=(1, 2))
    found = table.set_index(["method", "k"]).sort_index()
    assert len(found) == 12 and found["chance"].between(0, 1).all()
    assert found.loc[("drift", 1), "precision"].tolist() == [1, 0, 0]
    assert found.loc[("exact", 2), "precision"].tolist() == [1, 0.5, 0], "nothing is known of the last"


def test_methods_that_name_alike_are_judged_alike() -> None:
    """Also who names fewer than k."""
    nothing = np.full(2, np.nan)
    memory = Memory.of(3, np.arange(2), np.full(2, ANY_PROMPT), np.array([[1, 0], [3, -1]]), nothing, nothing)
    table = recovered(torch.from_numpy(memory.selected(4)), memory, SHARES, ["a", "b", "c"])
    by_method = {name: rows.drop(columns="method").to_numpy() for name, rows in table.groupby("method")}
    np.testing.assert_array_equal(by_method["drift"], by_method["exact"])


@pytest.mark.parametrize("k", [1, 2, 3, 4, 9])
def test_the_truth_itself_finds_all_that_is_true(k: int) -> None:
    np.testing.assert_allclose(precision_at(TRUTH, TRUTH, k), true_attributes(TRUTH, k).sum(1) / k)


def test_only_positive_scores_name_and_only_positive_truth_counts() -> None:
    scores = np.array([[-0.9, 0.4, 0.0, 0.2], [0.1, 0.6, 0.5, 0.0]])
    assert precision_at(scores, TRUTH, 1).tolist() == [0, 0]
    assert precision_at(scores, TRUTH, 2).tolist() == [0.5, 0]
    assert precision_at(scores, TRUTH, 3).tolist() == pytest.approx([1 / 3, 1 / 3])


def test_of_equal_scores_the_first_are_named() -> None:
    assert precision_at(np.ones((2, 4)), np.eye(4)[[1, 2]], 2).tolist() == [0.5, 0]


def test_of_equal_true_attributes_any_counts() -> None:
    assert precision_at(np.eye(4), np.full((4, 4), 0.25), 1).tolist() == [1, 1, 1, 1]


def test_who_names_nothing_finds_nothing() -> None:
    assert precision_at(np.zeros((2, 4)), TRUTH, 3).tolist() == [0, 0]


@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_chance_is_the_mean_of_random_names(k: int) -> None:
    random = np.random.default_rng(0).random((20_000, 4)) + 1e-9
    for truth in TRUTH:
        mean = precision_at(random, np.broadcast_to(truth, random.shape), k).mean()
        assert mean == pytest.approx(chance_at(truth[None], k)[0], abs=0.02)
