"""Win rates over the base: swapping the sides mirrors them, ties are half, what nobody judged counts for nobody."""

import numpy as np
import pandas as pd
import pytest

from prefactor.evaluation.generation.verdicts import verdicts_by_judge, verdicts_by_utility
from prefactor.evaluation.generation.win_rates import win_rate_differences, win_rate_rows
from prefactor.evaluation.results import RESULTS

IDENTITY = {"dataset": "stylebench", "protocol": "global", "backbone": "lm", "variant": "default", "run": "r"}
USERS, PROMPTS = 10, 6


def texts(lift: dict[str, float], seed: int = 0) -> pd.DataFrame:
    """Every method's text of every (user, prompt), ``lift`` better than the base's on average."""
    generator = np.random.default_rng(seed)
    rows = []
    for user in range(USERS):
        for prompt in range(PROMPTS):
            for method, mean in {"base": 0.0, **lift}.items():
                utility = mean + generator.normal()
                rows.append((f"u{user}", f"g{prompt}", method, f"{method} {utility}", utility))
    return pd.DataFrame(rows, columns=["user_id", "group_id", "method", "response", "utility"])


def figures(rows: pd.DataFrame) -> dict[tuple[str, str], float]:
    return {(row.method, row.metric): row.value for row in rows.itertuples()}


def test_rows_of_a_better_and_a_worse_method() -> None:
    table = texts({"drift": 5.0, "exact": -5.0, "dpo": 0.0}).assign(scale=2.0)
    rows = win_rate_rows(verdicts_by_utility(table), IDENTITY, shots=20)
    found = figures(rows)
    assert list(rows.columns) == RESULTS.names and set(rows["setting"]) == {"judge=gold"} and set(rows["shots"]) == {20}
    assert found["drift", "win_rate"] == 1 and found["exact", "win_rate"] == 0
    assert 2 < found["drift", "utility_gain"] < 3 and found["drift", "ties"] == 0
    dpo = rows[(rows["method"] == "dpo") & (rows["metric"] == "win_rate")].iloc[0]
    assert dpo["ci_low"] < 0.5 < dpo["ci_high"] and (dpo["n_users"], dpo["n_items"]) == (USERS, PROMPTS)
    assert found["dpo", "missing"] == found["dpo", "malformed"] == 0


def test_swapped_sides_mirror_the_win_rate() -> None:
    table = texts({"drift": 0.4})
    table.loc[:19, "utility"] = 0.25  # some ties
    swapped = table.assign(method=table["method"].map({"base": "drift", "drift": "base"}))
    one, other = (figures(win_rate_rows(verdicts_by_utility(found), IDENTITY)) for found in (table, swapped))
    assert one["drift", "win_rate"] + other["drift", "win_rate"] == pytest.approx(1)
    assert one["drift", "ties"] == pytest.approx(other["drift", "ties"]) and one["drift", "ties"] > 0
    assert one["drift", "utility_gain_raw"] == pytest.approx(-other["drift", "utility_gain_raw"])


def test_the_same_texts_are_all_ties() -> None:
    table = texts({"drift": 0.0}).assign(response="the same")
    found = figures(win_rate_rows(verdicts_by_utility(table), IDENTITY))
    assert found["drift", "win_rate"] == 0.5 and found["drift", "ties"] == 1 and found["drift", "utility_gain_raw"] == 0


def test_what_nobody_judged_is_counted_and_counts_for_nobody() -> None:
    base = texts({"drift": 5.0})
    judged = base[base["method"] == "drift"].assign(verdict=1.0, missing=False, malformed=False)
    first = judged.index[judged["user_id"] == "u0"]
    judged.loc[first[:2], ["verdict", "missing"]] = [np.nan, True]
    judged.loc[first[2:], ["verdict", "malformed"]] = [np.nan, True]
    rows = win_rate_rows(verdicts_by_judge(judged), IDENTITY, judge="llm")
    found = figures(rows)
    assert (found["drift", "missing"], found["drift", "malformed"]) == (2, PROMPTS - 2)
    win = rows[rows["metric"] == "win_rate"].iloc[0]
    assert win["value"] == 1 and win["n_users"] == USERS - 1 and win["n_pairs"] == (USERS - 1) * PROMPTS
    assert set(rows["setting"]) == {"judge=llm"} and "utility_gain" not in set(rows["metric"])


def test_a_judge_that_never_answers_leaves_counts_alone() -> None:
    base = texts({"drift": 5.0})
    silent = base[base["method"] == "drift"].assign(verdict=np.nan, missing=True, malformed=False)
    found = figures(win_rate_rows(verdicts_by_judge(silent), IDENTITY, judge="llm"))
    assert found == {("drift", "missing"): USERS * PROMPTS, ("drift", "malformed"): 0}


def test_differences_are_paired() -> None:
    verdicts = verdicts_by_utility(texts({"drift": 5.0, "exact": 0.0}))
    rows = win_rate_differences(verdicts, "exact", IDENTITY)
    both = figures(win_rate_rows(verdicts, IDENTITY))
    assert rows["metric"].unique().tolist() == ["win_rate_minus_exact"] and rows["method"].tolist() == ["drift"]
    assert rows["value"].iloc[0] == pytest.approx(both["drift", "win_rate"] - both["exact", "win_rate"])
    assert rows["ci_low"].iloc[0] > 0
