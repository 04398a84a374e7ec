"""Figures of single (user, prompt) as result rows: means of users' means, both intervals, paired differences."""

import numpy as np
import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.generation.cells import CELL, count_row, minus, result_rows_of
from prefactor.evaluation.items import Outcomes, over_users_and_items
from prefactor.evaluation.results import RESULTS

IDENTITY = {"dataset": "stylebench", "protocol": "global", "backbone": "lm", "variant": "default", "run": "r"}


def cells(values: np.ndarray, method: str = "drift", setting: str = "", metric: str = "win_rate") -> pd.DataFrame:
    """(U, Q) values of U users on the same Q prompts; NaN where a user did not get the prompt."""
    rows = [
        (f"u{user}", f"g{prompt}", method, setting, metric, value)
        for user, own in enumerate(values)
        for prompt, value in enumerate(own)
    ]
    return pd.DataFrame(rows, columns=CELL)


def world(users: int = 12, prompts: int = 9, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    values = 0.6 + generator.normal(0, 0.3, prompts) + generator.normal(0, 0.1, (users, 1))
    values = values + generator.normal(0, 0.1, (users, prompts))
    values[0, 3:] = np.nan  # users with fewer prompts count as much
    return values


def test_users_count_alike_and_both_intervals_are_there() -> None:
    values = world()
    (row,) = result_rows_of(cells(values), {**IDENTITY, "setting": "a=1"}, shots=20).to_dict("records")
    assert row["value"] == pytest.approx(np.nanmean(np.nanmean(values, 1)))
    assert row["ci_low"] < row["value"] < row["ci_high"]
    user, prompt = np.nonzero(~np.isnan(values))
    wide = over_users_and_items([Outcomes(values[user, prompt], user, prompt[:, None], "prompts")])
    assert (row["low_items"], row["high_items"]) == pytest.approx((wide.low, wide.high))
    assert row["high_items"] - row["low_items"] > 2 * (row["ci_high"] - row["ci_low"])  # prompts vary more than users
    assert row["resampled"] == "users; users and prompts" and row["setting"] == "a=1"
    assert (row["n_users"], row["n_pairs"], row["n_items"]) == (12, 12 * 9 - 6, 9)
    assert (row["split"], row["shots"], row["seed"], row["run"]) == ("unseen", 20, "all", "r")


def test_names_and_order_of_rows_do_not_matter() -> None:
    table = cells(world())
    mixed = table.assign(user_id="x" + table["user_id"]).sample(frac=1, random_state=0)
    one, other = (result_rows_of(found, IDENTITY) for found in (table, mixed))
    figures = ["value", "low_items", "high_items", "n_users", "n_pairs"]
    pd.testing.assert_frame_equal(one[figures], other[figures])


def test_without_prompts_the_interval_is_over_users_and_one_user_has_none() -> None:
    table = cells(world()).assign(group_id=None)
    (row,) = result_rows_of(table, IDENTITY).to_dict("records")
    assert row["resampled"] == "users" and np.isnan(row["low_items"]) and row["ci_low"] < row["ci_high"]
    (alone,) = result_rows_of(cells(world()[1:2]), IDENTITY).to_dict("records")
    assert np.isnan([alone["ci_low"], alone["ci_high"], alone["low_items"]]).all() and np.isfinite(alone["value"])
    assert list(result_rows_of(table.iloc[:0], IDENTITY).columns) == RESULTS.names


def test_paired_differences() -> None:
    first, second = world(seed=1), world(seed=2)
    both = pd.concat([cells(first), cells(second, "exact"), cells(second + 1, "exact_global", "n=8")])
    found = minus(both, "exact")
    assert set(found["metric"]) == {"win_rate_minus_exact"} and set(found["method"]) == {"drift", "exact_global"}
    rows = result_rows_of(found, IDENTITY).set_index("method")
    assert rows.loc["drift", "value"] == pytest.approx(np.nanmean(np.nanmean(first - second, 1)))
    assert rows.loc["exact_global", ["value", "ci_low", "high_items"]].tolist() == pytest.approx([1, 1, 1])
    assert minus(both, "exact", ["user_id", "group_id", "metric", "setting"])["method"].unique().tolist() == ["drift"]
    assert not len(minus(both, "nobody"))
    with pytest.raises(InputError, match="several settings"):
        minus(pd.concat([both, cells(first, "exact", "n=4")]), "exact")


def test_counts_have_no_interval() -> None:
    row = count_row(IDENTITY, {"method": "drift", "metric": "missing", "setting": "judge=gold"}, cells(world()), 3)
    assert (row["value"], row["n_users"], row["n_pairs"], row["n_items"]) == (3.0, 12, 108, 9)
    assert "ci_low" not in row and row["setting"] == "judge=gold"
