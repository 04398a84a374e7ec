"""Precision of selected attributes against the true ones."""

import numpy as np
import pytest

from prefactor.decoding.exact.recovery import by_chance, precision, selected

TRUTH = np.array([[3.0, 2.0, 1.0, 0.5], [3.0, -1.0, 0.0, -2.0], [1.0, 2.0, 3.0, 4.0]])


def test_the_most_often_selected_are_judged_against_the_largest_positive_weights() -> None:
    subsets = np.array([[0, 1], [1, 0], [3, -1], [0, 1], [-1, -1]])
    segment = np.array([0, 0, 0, 1, 2])
    found = precision(subsets, segment, TRUTH, 2)
    np.testing.assert_array_equal(found, [1.0, 0.5, np.nan])  # user 1 wants attribute 0 alone; 2 selected none
    assert selected(subsets, segment, 3, 4).tolist() == [[2, 2, 0, 1], [1, 1, 0, 0], [0, 0, 0, 0]]


def test_fewer_selected_than_k_are_judged_by_themselves() -> None:
    assert precision(np.array([[3, -1]]), np.array([2]), TRUTH, 3)[2] == 1


def test_chance_is_what_random_attributes_reach() -> None:
    np.testing.assert_allclose(by_chance(TRUTH, 2), [0.5, 0.25, 0.5])
    generator = np.random.default_rng(0)
    drawn = np.array([generator.permutation(4)[:2] for _ in range(4_000)])
    truth = np.repeat(TRUTH[[1]], len(drawn), 0)
    assert precision(drawn, np.arange(len(drawn)), truth, 2).mean() == pytest.approx(0.25, abs=0.02)
