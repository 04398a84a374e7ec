"""What a killed search goes on from: whole configurations trained alike in the same worlds, and nothing else."""

import json
from pathlib import Path

import pytest

from stages.search import _earlier, as_table

TRAINED = [{"training": {"epochs": 1}}, {"training": {"epochs": 2}}, {"training": {"epochs": 3}}]


def row(number: int, mean: float = 0.5) -> dict:
    return {"number": number, "changes": {}, "trained": TRAINED[number], "d/b": {"seen": mean, "mean": mean}}


def left(path: Path, *lines: str) -> Path:
    path.write_text("".join(lines))
    return path


def test_whole_configurations_are_kept_and_a_broken_line_is_dropped(tmp_path: Path) -> None:
    whole = [json.dumps(row(number)) + "\n" for number in (0, 1)]
    path = left(tmp_path / "bt.part", *whole, '{"number": 2, "chan')
    assert _earlier(path, TRAINED, {"d/b"}) == [row(0), row(1)]
    assert path.read_text() == "".join(whole)  # what comes next is appended to whole lines


@pytest.mark.parametrize(
    ("trained", "worlds"),
    [([{"training": {"epochs": 9}}, *TRAINED[1:]], {"d/b"}), (TRAINED, {"d/b", "e/b"}), (TRAINED, {"e/b"})],
)
def test_other_parameters_or_other_worlds_begin_anew(tmp_path: Path, trained: list, worlds: set[str]) -> None:
    path = left(tmp_path / "bt.part", json.dumps(row(0)) + "\n")
    assert _earlier(path, trained, worlds) == [] and path.read_text() == ""


def test_the_best_comes_first_and_of_equals_the_earlier() -> None:
    table = as_table([row(0, 0.6), row(1, 0.7), row(2, 0.7)])
    assert list(table["number"]) == [1, 2, 0] and list(table["score"]) == [0.7, 0.7, 0.6]
    assert list(table["d/b seen"]) == [0.7, 0.7, 0.6] and "trained" not in table
