"""The objective: one call, sorted spelling, and errors that name the row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefactor.decoding.exact.objective import Objective, spelt
from prefactor.errors import InputError
from tests.decoding.exact.synthetic import formula, objective


@given(st.lists(st.lists(st.integers(0, 6), unique=True, max_size=3), max_size=12))
def test_a_subset_is_spelt_sorted_without_padding(chosen: list[list[int]]) -> None:
    padded = np.array([subset + [-1] * (3 - len(subset)) for subset in chosen], dtype=np.int64).reshape(-1, 3)
    assert spelt(padded) == [tuple(sorted(subset)) for subset in chosen]


def test_it_is_a_difference_of_log_probabilities_by_one_call() -> None:
    model = formula(4, 3, seed=0)
    found = objective(model)(np.array([[0, 1], [3, 2]]), np.array([[2, 0], [-1, -1]]))
    first = model.base[0] + model.effect[0, [0, 2]].sum() - model.base[1] - model.effect[1, [0, 2]].sum()
    np.testing.assert_allclose(found, [first, model.base[3] - model.base[2]])
    assert model.calls == [4]


@pytest.mark.parametrize("value", [np.nan, -np.inf, np.inf])
def test_a_log_probability_that_is_no_number_is_refused_by_row(value: float) -> None:
    model = formula(4, 3, seed=0)
    model.effect[2, 1] = value
    with pytest.raises(InputError, match=r"text row 2 under attributes \(1,\)"), np.errstate(invalid="ignore"):
        objective(model)(np.array([[0, 1], [3, 2]]), np.array([[0, -1], [1, -1]]))


def test_an_answer_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(InputError, match="answered 2 texts"):
        Objective(lambda texts, subsets: np.zeros(3), 4)(np.array([[0, 1]]), np.array([[0]]))
