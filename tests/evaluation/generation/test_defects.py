"""Texts that are hardly answers are counted by method."""

import pandas as pd

from prefactor.evaluation.generation.defects import defect_rows

IDENTITY = {"dataset": "stylebench", "protocol": "global", "backbone": "lm", "variant": "default", "run": "r"}


def test_empty_and_unfinished_texts() -> None:
    table = pd.DataFrame(
        {
            "user_id": ["u", "v", "u"],
            "group_id": "g",
            "method": ["base", "base", "drift"],
            "response": [" \n", "words", "more"],
            "finished": [True, False, True],
        }
    )
    rows = defect_rows(table, IDENTITY)
    found = {(row.method, row.metric): (row.value, row.n_pairs) for row in rows.itertuples()}
    assert found == {
        ("base", "empty"): (1, 2),
        ("base", "unfinished"): (1, 2),
        ("drift", "empty"): (0, 1),
        ("drift", "unfinished"): (0, 1),
    }
