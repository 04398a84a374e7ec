"""Entropy before and after: means over users, the change user by user."""

import json

import pandas as pd
import pytest

from prefactor.evaluation.generation.entropy import entropies_of, entropy_rows

IDENTITY = {"dataset": "stylebench", "protocol": "global", "backbone": "lm", "variant": "default", "run": "r"}


@pytest.mark.parametrize("grouped", [False, True])
def test_users_count_alike(grouped: bool) -> None:
    users = ["a", "a", "a", "b", "c"]
    before, after = [0.1, 0.2, 0.3, 0.4, 0.9], [0.5, 0.6, 0.7, 0.8, 1.3]
    table = pd.DataFrame({"user_id": users, "method": "drift", "before": before, "after": after})
    if grouped:
        table["group_id"] = ["g", "h", "i", "g", "h"]
    rows = entropy_rows(table, IDENTITY).set_index("metric")
    assert rows.loc["entropy_before", "value"] == pytest.approx(0.5)
    assert rows.loc["entropy_change", ["value", "ci_low", "ci_high"]].tolist() == pytest.approx([0.4] * 3)
    assert rows["resampled"].eq("users; users and prompts" if grouped else "users").all()


def test_texts_tell_of_their_entropy() -> None:
    both = json.dumps({"entropy_before": 0.25, "entropy_after": 0.5, "attributes": ["formal"]})
    about = [both, both, json.dumps({"reward": 1.0}), "{}"]
    table = pd.DataFrame({"user_id": "a", "group_id": "g", "method": "drift", "tokens": [9, 0, 9, 9], "about": about})
    found = entropies_of(table)
    assert found[["before", "after"]].values.tolist() == [[0.25, 0.5]]
    assert not len(entropies_of(table[2:])) and not len(entropy_rows(entropies_of(table[2:]), IDENTITY))
