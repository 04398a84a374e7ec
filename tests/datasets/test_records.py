"""Records: the same from JSON lines and from parquet, nothing converted, and every fault at its place."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.datasets import records as module
from prefactor.datasets.inputs import examine
from prefactor.datasets.records import read_records
from prefactor.errors import InputError


@dataclass(frozen=True)
class Part:
    text: str


@dataclass(frozen=True)
class Thing:
    name: str
    parts: list[Part]
    size: int = 0
    share: float | None = None


texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=10)
things = st.builds(
    Thing,
    texts,
    st.lists(st.builds(Part, texts), max_size=3),
    st.integers(-(2**62), 2**62),
    st.none() | st.floats(0, 1),
)
SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("parts", pa.list_(pa.struct([("text", pa.string()), ("note", pa.string())]))),
        ("size", pa.int64()),
        ("share", pa.float64()),
        ("more", pa.string()),
    ]
)


def row(thing: Thing) -> dict[str, Any]:
    parts = [{"text": part.text, "note": "unread"} for part in thing.parts]
    return {"name": thing.name, "parts": parts, "size": thing.size, "share": thing.share, "more": "unread"}


def write_lines(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read_lines(path: Path) -> list[tuple[str, Thing]]:
    return list(read_records(examine(path, "jsonl"), Thing))


def read_parquet(path: Path) -> list[tuple[str, Thing]]:
    return list(read_records(examine(path, "parquet"), Thing))


@settings(max_examples=25, deadline=None)
@given(given_things=st.lists(things, min_size=1, max_size=7), rows_at_once=st.integers(1, 3))
def test_lines_and_rows_are_the_same_records(
    tmp_path_factory: pytest.TempPathFactory, given_things: list[Thing], rows_at_once: int
) -> None:
    folder = tmp_path_factory.mktemp("records")
    rows = [row(thing) for thing in given_things]
    write_lines(folder / "a.jsonl", "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows))
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / "a.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS_PER_BATCH", rows_at_once)
        found = [read_lines(folder / "a.jsonl"), read_parquet(folder / "a.parquet")]
    for kind, records in zip(("line", "row"), found, strict=True):
        assert [record for _, record in records] == given_things
        numbers = [int(place.rpartition(f", {kind} ")[2]) for place, _ in records]
        assert numbers == list(range(1, len(records) + 1))


def test_blank_lines_and_a_byte_order_mark_are_no_records(tmp_path: Path) -> None:
    one, two = (json.dumps(row(Thing(name, []))) for name in ("one", "two"))
    path = write_lines(tmp_path / "a.jsonl", b"\xef\xbb\xbf" + f"{one}\r\n\r\n  \n{two}".encode())
    assert [(place.rpartition(" ")[2], thing.name) for place, thing in read_lines(path)] == [("1", "one"), ("4", "two")]


def test_what_a_record_may_lack_has_its_default(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", '{"name": "a", "parts": []}\n')
    assert read_lines(path)[0][1] == Thing("a", [])
    pq.write_table(
        pa.table({"name": ["a"], "parts": pa.array([[]], SCHEMA.field("parts").type)}), tmp_path / "a.parquet"
    )
    assert read_parquet(tmp_path / "a.parquet")[0][1] == Thing("a", [])


SOUND = '{"name": "a", "parts": [{"text": "b"}]}'
LINES = {
    "not closed": (
        SOUND[:-1],
        "malformed JSON, EOF while parsing an object at column 38: write one JSON object per line",
    ),
    "two objects": (SOUND + SOUND, "malformed JSON, trailing characters at column 40"),
    "half a pair": ('{"name": "\\ud800"}', "malformed JSON, "),
    "a number": ("5", "holds 5, not an object: write one object a line"),
    "a text": ('"Dear"', "holds a text of 4 characters, not an object"),
    "nothing": ("null", "holds None, not an object"),
    "a missing field": ('{"name": "a"}', "there is no field 'parts', but name: add it"),
    "no field at all": ("{}", "there is no field 'name': add it"),
    "a missing inner field": ('{"name": "a", "parts": [{"note": 1}]}', "no field 'parts.0.text', but note: add it"),
    "a number for a text": ('{"name": 5, "parts": []}', "field 'name' is 5, but must be a valid string: correct it"),
    "null for a text": ('{"name": null, "parts": []}', "field 'name' is None, but must be a valid string"),
    "text for a list": (
        '{"name": "a", "parts": "Dear diary"}',
        "field 'parts' is a text of 10 characters, but must be",
    ),
    "text for a record": (
        '{"name": "a", "parts": ["Dear"]}',
        "field 'parts.0' is a text of 4 characters, but must be an",
    ),
    "a record for a text": ('{"name": {"a": 1}, "parts": []}', "field 'name' is a record, but must be a valid string"),
    "text for a number": (
        SOUND[:-1] + ', "size": "5"}',
        "field 'size' is '5', but must be a valid integer: correct it",
    ),
    "a fraction": (SOUND[:-1] + ', "size": 0.5}', "field 'size' is 0.5, but must be a valid integer"),
    "a list for a number": (SOUND[:-1] + ', "share": [1]}', "field 'share' is a list, but must be a valid number"),
}


@pytest.mark.parametrize(("line", "words"), LINES.values(), ids=LINES)
def test_bad_lines_are_refused(tmp_path: Path, line: str, words: str) -> None:
    path = write_lines(tmp_path / "a.jsonl", f"{SOUND}\n\n{line}\n")
    with pytest.raises(InputError) as caught:
        read_lines(path)
    assert str(caught.value).startswith(f"{path}, line 3: ") and words in str(caught.value)
    assert "Dear" not in str(caught.value)


PARTS = pa.array([[{"text": "b"}]])
COLUMNS = {
    "dates": (
        {"name": [datetime.date(2020, 1, 1)], "parts": PARTS},
        "row 1: field 'name' is of type date, but must be",
    ),
    "bytes": ({"name": [b"a"], "parts": PARTS}, "row 1: field 'name' is of type bytes, but must be a valid string"),
    "text for records": (
        {"name": ["a"], "parts": ["Dear diary"]},
        "row 1: field 'parts' is a text of 10 characters, but",
    ),
    "no column": ({"parts": PARTS}, "row 1: there is no field 'name', but parts: add it"),
    "null": ({"name": ["a"], "parts": [None]}, "row 1: field 'parts' is None, but must be a valid array"),
    "not UTF-8": (
        {"name": ["a"], "parts": pa.array([[b"\xff"]]).view(pa.list_(pa.string()))},
        "UTF-8: write",
    ),
}


@pytest.mark.parametrize(("columns", "words"), COLUMNS.values(), ids=COLUMNS)
def test_bad_rows_are_refused(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    pq.write_table(pa.table(columns), path := tmp_path / "a.parquet")
    with pytest.raises(InputError) as caught:
        read_parquet(path)
    assert str(caught.value).startswith(f"{path}, row") and words in str(caught.value)
    assert "Dear" not in str(caught.value)


def test_unreadable_values_and_repeated_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table([["a"], PARTS, ["b"]], ["name", "parts", "name"]), path)
    with pytest.raises(InputError, match=r"a\.parquet has 2 columns named 'name': keep one"):
        read_parquet(path)
    pq.write_table(pa.table({"name": pa.array([2**50], pa.timestamp("s")), "parts": PARTS}), path)
    with pytest.raises(InputError, match="rows 1 to 1: values that cannot be read"):
        read_parquet(path)


def test_a_file_that_goes_away_is_refused(tmp_path: Path) -> None:
    file = examine(write_lines(tmp_path / "a.jsonl", SOUND), "jsonl")
    file.path.unlink()
    with pytest.raises(InputError, match="does not exist"):
        list(read_records(file, Thing))
