"""Candidates that a model can read, and a choice among them that depends on nothing but their ids."""

from pathlib import Path

import pandas as pd

from prefactor.evaluation.compared import compared_candidates, least, places
from prefactor.preferences import content_id

NAMES = [f"n{number}" for number in range(8)]


def test_candidates_that_nobody_compared_are_left_out(tmp_path: Path) -> None:
    table = pd.DataFrame({"group_id": list("ppqq"), "text_id": NAMES[:4], "gold": range(4), "more": 0})
    table.to_parquet(tmp_path / "candidates.parquet")
    pd.DataFrame({"text_id": [NAMES[3], NAMES[0], NAMES[7]]}).to_parquet(tmp_path / "texts.parquet")
    found = compared_candidates(tmp_path, "gold")
    assert [*found.columns] == ["group_id", "text_id", "gold"] and found["text_id"].tolist() == [NAMES[0], NAMES[3]]


def test_the_least_do_not_depend_on_order_or_number() -> None:
    for count in range(9):
        assert least([*NAMES, *NAMES[::-1]], count) == least(NAMES[::-1], count) == least(NAMES, 8)[:count]


def test_places_are_those_by_hash_within_each_group() -> None:
    table = pd.DataFrame({"group": list("aabbabab"), "name": NAMES}).sample(frac=1, random_state=1)
    found = places(table, "group", "name")
    for _, mine in table.groupby("group"):
        ordered = sorted(mine["name"], key=content_id)
        assert [ordered[place] for place in found[mine.index]] == mine["name"].tolist()
