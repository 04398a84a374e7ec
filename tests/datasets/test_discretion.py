"""Whatever is wrong with a file, no message holds a word of a prompt or a response."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.datasets import load
from prefactor.datasets.rows import recognisable, without_content
from prefactor.errors import InputError

Row = dict[str, Any]
MARKER = "quagga"
TEXTS = ("prompt", "chosen", "rejected", "response")

FAULTY = [None, "", " ", 17, 1.5, True, f"the {MARKER}!", {"role": f"a {MARKER}"}, [f"{MARKER}, again"], "\ud800"]
OTHERS = [None, "", " ", 17, 1.5, True, "much", {"a": 1}, ["x"], 1 << 70, float("nan")]


def told(name: str, row: int) -> str:
    return f"Well, the {MARKER} of {name} ran {row} miles."


def pairs() -> list[Row]:
    texts = ("prompt", "chosen", "rejected")
    return [{"user_id": f"u{row % 2}", **{name: told(name, row) for name in texts}, "order": row} for row in range(4)]


def scores() -> list[Row]:
    texts = ("prompt", "response")
    return [{"user_id": "u", **{name: told(name, row) for name in texts}, "score": row} for row in range(4)]


@st.composite
def rows_with_a_fault(draw: st.DrawFn) -> list[Row]:
    """A value of the wrong kind, a column by another name or without one, a row twice, equal responses."""
    rows = draw(st.sampled_from([pairs, scores]))()
    row, name = draw(st.integers(0, 3)), draw(st.sampled_from([*rows[0]]))
    fault = draw(
        st.sampled_from(["value", "column", "slipped", "key", "renamed", "missing", "separated", "equal", "none"])
    )
    if fault in ("value", "column"):
        value = draw(st.sampled_from(FAULTY if name in TEXTS else OTHERS))
        rows = [old | {name: value} if fault == "column" or at == row else old for at, old in enumerate(rows)]
    elif fault == "slipped":  # one column to the side: a text stands where an id or a number should
        other = draw(st.sampled_from([key for key in rows[0] if key not in TEXTS]))
        many = draw(st.booleans())
        rows = [old | {other: told(name, at)} if many or at == row else old for at, old in enumerate(rows)]
    elif fault == "key":
        rows = [old | {told(name, 0): at} if at >= row else old for at, old in enumerate(rows)]
    elif fault in ("renamed", "missing"):
        kept = {} if fault == "missing" else {f"{name}s": name}
        rows = [{**{k: v for k, v in old.items() if k != name}, **{k: old[v] for k, v in kept.items()}} for old in rows]
    elif fault == "separated":
        rows[row]["prompt"] += "\x1f"
    elif fault == "equal":
        rows[row]["rejected"] = rows[row].get("chosen")
    return rows


def as_csv(rows: list[Row]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def as_jsonl(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_parquet(rows: list[Row]) -> bytes:
    out = io.BytesIO()
    try:
        pq.write_table(pa.Table.from_pylist(rows), out)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
        return as_parquet(pairs())  # such rows cannot be in such a file
    return out.getvalue()


@st.composite
def damage(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes as they are, cut short, without their first line, or with a few of them replaced or put in."""
    kind = draw(st.sampled_from(["none", "none", "cut", "headless", "replaced", "inserted"]))
    place = draw(st.integers(0, len(content)))
    piece = draw(st.sampled_from([b'"', b",", b"\n", b"{", b"}", b"\xff", b"x", b":", b'"a": "b", ', b"[", b"\\"]))
    if kind == "cut":
        return content[:place]
    if kind == "headless":
        return content[content.find(b"\n") + 1 :]
    if kind in ("replaced", "inserted"):
        return content[:place] + piece + content[place + len(piece) * (kind == "replaced") :]
    return content


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_message_holds_what_people_wrote(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    rows = data.draw(rows_with_a_fault())
    suffix, write = data.draw(st.sampled_from([(".csv", as_csv), (".jsonl", as_jsonl), (".parquet", as_parquet)]))
    path = tmp_path_factory.mktemp("own") / f"own{suffix}"
    path.write_bytes(data.draw(damage(write(rows))))
    options = data.draw(st.sampled_from([{}, {"strict": True}, {"empty_prompts": True}, {"minimum_margin": 2.0}]))
    try:
        load("files", options, path, "options")
    except InputError as error:
        assert MARKER not in str(error)
        assert MARKER[:4] not in str(error), "nor a part of it"


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        ("CSV parse error: Expected 4 columns, got 3", ": u,quagga"),
        ("CSV parse error: Row #5: Expected 4 columns, got 13", ": a\nb"),
        ("In CSV column #1: CSV conversion error to double: invalid value", " 'quagga'"),
        ("Failed of conversion of JSON to int64, couldn't parse", ":quagga"),
        ("JSON parse error: Invalid value. in row 0", ""),
    ],
)
def test_what_arrow_says_is_kept_without_what_it_quotes(said: str, quoted: str) -> None:
    assert without_content(pa.ArrowInvalid(said + quoted)) == said


@pytest.mark.parametrize("write", [as_csv, as_jsonl, as_parquet], ids=["csv", "jsonl", "parquet"])
def test_lengths_of_texts_are_told_and_ids_and_numbers_shown(tmp_path: Path, write: Any) -> None:
    path = tmp_path / f"own.{write.__name__.removeprefix('as_')}"
    equal = [row | {"rejected": row["chosen"]} for row in pairs()]
    path.write_bytes(write(equal))
    with pytest.raises(InputError, match=rf"row 1 \(a text of {len(told('chosen', 0))} characters\)"):
        load("files", {}, path, "options")
    path.write_bytes(write([row | {"user_id": " "} for row in pairs()]))
    with pytest.raises(InputError, match=r"an empty user_id: row 1 \(' '\)"):
        load("files", {}, path, "options")


def test_a_file_without_a_header_line_is_not_read_out(tmp_path: Path) -> None:
    path: Path = tmp_path / "own.csv"
    content = as_csv(pairs())
    path.write_bytes(content[content.find(b"\n") + 1 :])
    with pytest.raises(
        InputError, match=r"neither columns chosen and rejected .* but u0, \(a name of \d+ characters\)"
    ):
        load("files", {}, path, "options")


@pytest.mark.parametrize("write", [as_csv, as_jsonl, as_parquet], ids=["csv", "jsonl", "parquet"])
def test_a_text_that_slipped_into_a_number_is_not_read_out(tmp_path: Path, write: Any) -> None:
    path = tmp_path / f"own.{write.__name__.removeprefix('as_')}"
    for value, said in ((told("order", 0), f"a text of {len(told('order', 0))} characters"), ("late", "'late'")):
        path.write_bytes(write([row | {"order": value} for row in pairs()]))
        with pytest.raises(InputError, match=rf"'order' (holds|is) {said}.*a whole number"):
            load("files", {}, path, "options")


def test_a_key_given_twice_is_not_read_out(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    for key, said in ((told("key", 0), f"a text of {len(told('key', 0))} characters"), ("prompt", "'prompt'")):
        path.write_text(f'{{"{key}": 1, "{key}": 2}}\n')
        with pytest.raises(InputError, match=rf"line 1: key {said} is given twice"):
            load("files", {}, path, "options")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("anna", "'anna'"),
        (" ", "' '"),
        ("", "''"),
        ("x" * 24, repr("x" * 24)),
        ("x" * 25, "a text of 25 characters"),
        ("by me", "a text of 5 characters"),
        (" me", "a text of 3 characters"),
        (17, "17"),
        (None, "None"),
        (["x"], "a list"),
        ({"x": 1}, "a record"),
    ],
)
def test_what_is_shown_of_a_number_or_an_id(value: Any, shown: str) -> None:
    assert recognisable(value) == shown


def test_keys_inside_of_a_text_are_not_read_out(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_bytes(as_jsonl(pairs()) + f'{{"prompt": {{"{MARKER}": 1, "{MARKER}": 2}}}}\n'.encode())
    with pytest.raises(InputError, match=r"line 5: 'prompt' is a record, but must be text"):
        load("files", {}, path, "options")
