"""Paired differences from a reference method."""

import numpy as np
import pandas as pd
import pytest

from prefactor.evaluation.comparison import paired_differences
from prefactor.evaluation.items import Outcomes

IDENTITY = {"dataset": "d", "protocol": "p", "backbone": "b", "method": "m", "variant": "v", "run": "r"}


def table(accuracy: np.ndarray, split: str = "unseen") -> pd.DataFrame:
    users = [f"u{number}" for number in range(len(accuracy))]
    seeds = [
        pd.DataFrame({"user_id": users, "seed": seed, "split": split, "shots": None, "accuracy": accuracy, "pairs": 5})
        for seed in ("0", "1")
    ]
    return pd.concat(seeds).astype({"shots": "Int64"})


def test_pairing_removes_the_spread_between_users() -> None:
    base = np.random.default_rng(0).random(200)
    rows = paired_differences(table(base + 0.02), table(base), IDENTITY, "bt", "default")
    assert len(rows) == 1
    row = rows.iloc[0]
    assert row.value == pytest.approx(0.02)
    assert row.ci_high - row.ci_low < 1e-9
    assert (row.setting, row.metric, row.seed) == ("against=default", "accuracy_minus_bt", "all")
    assert (row.n_users, row.n_pairs) == (200, 1000)


def test_with_single_pairs_there_is_an_interval_over_users_and_prompts() -> None:
    generator = np.random.default_rng(0)
    user, prompt = np.repeat(np.arange(60), 5), generator.integers(0, 12, 300)
    better = generator.normal(0, 0.1, 12)[prompt]
    single = Outcomes(better, user, prompt[:, None], "prompts")
    accuracy = np.bincount(user, better) / 5
    pairs = {("unseen", None): single}
    row = paired_differences(table(accuracy), table(0 * accuracy), IDENTITY, "bt", "default", pairs).iloc[0]
    assert row.low_items < row.ci_low < row.value < row.ci_high < row.high_items
    assert (row.low_items + row.high_items) / 2 == pytest.approx(row.value)
    assert (row.resampled, row.n_items) == ("users; users and prompts", 12)
    alone = paired_differences(table(accuracy), table(0 * accuracy), IDENTITY, "bt", "default").iloc[0]
    assert alone.resampled == "users" and np.isnan(alone.low_items)


def test_overall_joins_seen_and_unseen() -> None:
    ones, zeros = np.ones(10), np.zeros(10)
    method = pd.concat([table(ones, "seen"), table(zeros)])
    bt = pd.concat([table(zeros, "seen"), table(zeros)])
    rows = paired_differences(method, bt, IDENTITY, "bt", "default").set_index("split")
    assert rows.value["overall"] == 0.5


def test_the_reference_names_the_metric() -> None:
    rows = paired_differences(table(np.ones(4)), table(np.zeros(4)), IDENTITY, "vrf", "faithful")
    assert (rows.metric[0], rows.setting[0], rows.value[0]) == ("accuracy_minus_vrf", "against=faithful", 1.0)


def test_swapping_method_and_reference_negates_the_interval() -> None:
    first, second = (np.random.default_rng(seed).random(50) for seed in (0, 1))
    there = paired_differences(table(first), table(second), IDENTITY, "vrf", "default").iloc[0]
    back = paired_differences(table(second), table(first), IDENTITY, "vrf", "default").iloc[0]
    assert (there.value, there.ci_low, there.ci_high) == pytest.approx((-back.value, -back.ci_high, -back.ci_low))
