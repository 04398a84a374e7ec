"""Precision at k beside chance, user by user."""

import numpy as np
import pandas as pd
import pytest

from prefactor.evaluation.generation.precision import precision_rows

IDENTITY = {"dataset": "stylebench", "protocol": "global", "backbone": "lm", "variant": "default", "run": "r"}


def test_precision_stands_beside_chance() -> None:
    found = {"user_id": ["a", "b", "c"] * 2, "method": "drift", "k": [1] * 3 + [3] * 3}
    table = pd.DataFrame(found).assign(precision=[1.0, 0.0, np.nan, 1.0, 2 / 3, 1 / 3], chance=0.2)
    rows = precision_rows(table, IDENTITY)
    values = {(row.metric, row.setting): (row.value, row.n_users) for row in rows.itertuples()}
    assert values == {
        ("precision_at_k", "k=1"): (0.5, 2),
        ("precision_at_k_chance", "k=1"): (pytest.approx(0.2), 2),  # of the same users
        ("precision_at_k_above_chance", "k=1"): (pytest.approx(0.3), 2),
        ("precision_at_k", "k=3"): (pytest.approx(2 / 3), 3),
        ("precision_at_k_chance", "k=3"): (pytest.approx(0.2), 3),
        ("precision_at_k_above_chance", "k=3"): (pytest.approx(2 / 3 - 0.2), 3),
    }
    assert set(rows["resampled"]) == {"users"}
