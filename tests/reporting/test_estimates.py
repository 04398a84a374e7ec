"""Figures as they are read from rows, and numbers as they are printed."""

import pandas as pd
import pytest

from prefactor.reporting.estimates import Estimate, short


def test_rows_become_estimates_with_or_without_a_count_of_pairs() -> None:
    values = {"value": 0.5, "ci_low": 0.4, "ci_high": 0.6, "low_items": None, "high_items": float("nan")}
    table = pd.DataFrame([{**values, "n_users": 20, "n_pairs": pd.NA}])
    (row,) = table.itertuples(index=False)
    (bare,) = table.drop(columns="n_pairs").itertuples(index=False)
    found = Estimate.of_row(row)
    assert found == Estimate.of_row(bare) == Estimate(0.5, 0.4, 0.6, 20), "no null is unlike another"
    assert Estimate.of_row(row._replace(n_pairs=7)).n_pairs == 7


@pytest.mark.parametrize(("value", "text"), [(0.50, "0.5"), (-0.25, "−0.25"), (4.0, "4"), (0.0, "0")])
def test_short_numbers_have_a_minus_sign_that_is_one(value: float, text: str) -> None:
    assert short(value) == text
