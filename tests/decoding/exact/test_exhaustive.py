"""Greedy against all subsets, as in EXACT's Table 7."""

from itertools import combinations

import numpy as np
import pytest

from prefactor.decoding.exact import exhaustive
from prefactor.decoding.exact.exhaustive import approximation, best_subsets
from prefactor.decoding.exact.objective import Objective
from tests.decoding.exact.synthetic import Formula, formula, objective

PAIRS = np.array([[0, 1], [2, 3], [4, 5], [1, 4]])


def test_the_best_subset_is_the_best_of_all_however_they_are_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    held = objective(formula(6, 5, seed=0, interaction=1.0))
    whole = best_subsets(held, PAIRS, 2)
    every = np.array([*combinations(range(5), 2)])
    values = np.array([held(np.repeat(pair[None], len(every), 0), every) for pair in PAIRS])
    np.testing.assert_array_equal(whole[0], every[values.argmax(1)])
    np.testing.assert_array_equal(whole[1], values.max(1))
    monkeypatch.setattr(exhaustive, "ROWS_PER_CALL", 3 * len(PAIRS))
    for one, other in zip(whole, best_subsets(held, PAIRS, 2), strict=True):
        np.testing.assert_array_equal(one, other)


def test_greedy_is_exact_where_effects_add_up_and_never_better_where_they_do_not() -> None:
    additive = approximation(objective(formula(6, 5, seed=0)), PAIRS, 3)
    np.testing.assert_allclose(additive.greedy, additive.best)
    for positive in (False, True):
        found = approximation(objective(formula(6, 5, seed=1, interaction=2.0)), PAIRS, 3, positive)
        gap = found.best - found.greedy
        assert (gap >= -1e-9).all() and gap.max() > 0.1


def test_a_set_that_only_works_together_is_missed_by_greedy() -> None:
    """Attributes 1 and 2 add 5 together and nothing alone; 0 adds 1 alone."""
    between = np.zeros((2, 3, 3))
    between[0, 1, 2] = 5
    model = Formula(np.zeros(2), np.array([[1.0, 0, 0], [0, 0, 0]]), between)
    found = approximation(Objective(model, 3), np.array([[0, 1]]), 2)
    assert (found.greedy[0], found.best[0]) == (1, 5)


def test_no_attributes_are_a_subset_where_fewer_may_be_taken() -> None:
    model = Formula(np.zeros(2), np.array([[-1.0, -2.0], [0, 0]]), np.zeros((2, 2, 2)))
    subsets, value = best_subsets(Objective(model, 2), np.array([[0, 1]]), 2, fewer=True)
    assert subsets.tolist() == [[-1, -1]] and value.tolist() == [0]
