"""Greedy beside exhaustive: ratio of means, gap, and a greedy that is too good to be true."""

import numpy as np
import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.generation.exhaustive import exhaustive_rows

IDENTITY = {"dataset": "stylebench", "protocol": "global", "backbone": "lm", "variant": "default", "run": "r"}


def selections(share: float = 0.9, users: int = 8) -> pd.DataFrame:
    best = np.random.default_rng(0).uniform(2, 4, users * 3)
    greedy = best * np.where(np.arange(len(best)) % 3 == 0, 1.0, share)
    names = [f"u{number // 3}" for number in range(len(best))]
    return pd.DataFrame({"user_id": names, "method": "exact", "setting": "k=3", "greedy": greedy, "best": best})


def test_figures_of_greedy_selection() -> None:
    rows = exhaustive_rows(selections(), {**IDENTITY, "setting": "library=8"}).set_index("metric")
    assert set(rows["setting"]) == {"k=3;library=8"} and set(rows["n_users"]) == {8} and set(rows["n_pairs"]) == {24}
    assert rows.loc["greedy_same", "value"] == pytest.approx(1 / 3)
    greedy, best = rows.loc["greedy_objective", "value"], rows.loc["exhaustive_objective", "value"]
    assert rows.loc["greedy_gap", "value"] == pytest.approx(best - greedy)
    ratio = rows.loc["greedy_ratio"]
    assert (
        ratio["value"] == pytest.approx(greedy / best) and 0.9 < ratio["ci_low"] < ratio["value"] < ratio["ci_high"] < 1
    )


def test_equal_selections_have_ratio_one_and_one_user_no_interval() -> None:
    rows = exhaustive_rows(selections(1.0), IDENTITY).set_index("metric")
    assert rows.loc["greedy_ratio", ["value", "ci_low", "ci_high"]].tolist() == pytest.approx([1, 1, 1])
    assert rows.loc["greedy_same", "value"] == 1
    alone = exhaustive_rows(selections(users=1), IDENTITY).set_index("metric")
    assert np.isnan(alone.loc["greedy_ratio", "ci_low"]) and alone.loc["greedy_ratio", "value"] < 1


def test_an_objective_that_is_not_positive_has_no_ratio() -> None:
    table = selections()
    rows = exhaustive_rows(table.assign(greedy=-table["best"] - 1, best=-table["best"]), IDENTITY).set_index("metric")
    assert np.isnan(rows.loc["greedy_ratio", "value"]) and rows.loc["greedy_gap", "value"] == pytest.approx(1)


def test_greedy_above_the_best_is_an_error() -> None:
    table = selections()
    with pytest.raises(InputError, match=r"0\.5 nats above the best subset"):
        exhaustive_rows(table.assign(greedy=table["best"] + 0.5), IDENTITY)
