"""Whatever is in the files: the tables are whole, or an InputError says why without quoting text and leaves nothing."""

import copy
import csv
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefactor.datasets import load
from prefactor.datasets.personalllm import RESPONSES, SCORES
from prefactor.datasets.samples.tldr import SCHEMA
from prefactor.errors import InputError
from prefactor.preferences import SCHEMAS, content_id

Folder = dict[str, bytes]
SECRET = "Confidential"  # is in every text
REMOVED = object()
EXAMPLES = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        [10**30, -(10**400), 2**63, 0.5, -0.0, 1e308, float("nan"), float("inf"), "", " ", "\x00", "\x1f"]
    )
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def personalllm_rows() -> list[dict[str, Any]]:
    return [
        {"prompt": f"{SECRET} prompt {row}"}
        | {name: f"{SECRET} {name} of {row}" for name in RESPONSES}
        | {name: float((7 * row + 3 * place) % 11) for place, name in enumerate(SCORES)}
        for row in range(3)
    ]


def tldr_rows() -> list[dict[str, Any]]:
    return [
        {
            "info": {
                "id": f"t3_{row}",
                "post": f"{SECRET} post {row}",
                "title": SECRET,
                "subreddit": "test",
                "article": None,
            },
            "summaries": [{"text": f"{SECRET} {side} of {row}", "policy": "ref"} for side in ("one", "other")],
            "choice": row % 2,
            "worker": f"worker{row % 3}",
            "extra": {"confidence": 3 + row},
        }
        for row in range(6)
    ]


def conversation(name: str) -> dict[str, Any]:
    history: list[dict[str, Any]] = []
    for turn in range(2):
        history.append({"turn": turn, "role": "user", "content": f"{SECRET} question {turn}"})
        for place in range(2):
            said = {"content": f"{SECRET} answer {place} in {name}", "score": 20 + 50 * place, "if_chosen": place == 1}
            history.append({"turn": turn, "role": "model", **said})
    ids = {"conversation_id": name, "user_id": f"user of {name}"}
    return {**ids, "conversation_history": history, "included_in_balanced_subset": True}


def prism_rows() -> dict[str, list[dict[str, Any]]]:
    conversations = [conversation(name) for name in ("c0", "c1")]
    utterances = [
        {
            "interaction_id": f"{record['conversation_id']}-{said['turn']}",
            "model_response": said["content"],
            "model_name": "a model",
            **{name: record[name] for name in ("conversation_id", "user_id")},
            **{name: said[name] for name in ("turn", "score")},
        }
        for record in conversations
        for said in record["conversation_history"]
        if said["role"] == "model"
    ]
    people = [
        {"user_id": record["user_id"], "age": "old", "religion": {"simplified": "x"}, "stated_prefs": {"safety": 3}}
        for record in conversations
    ]
    return {"utterances.jsonl": utterances, "conversations.jsonl": conversations, "survey.jsonl": people}


def pair_rows() -> list[dict[str, Any]]:
    return [
        {
            "user_id": f"u{row % 2}",
            "prompt": f"{SECRET} prompt {row}",
            "chosen": f"{SECRET} a",
            "rejected": f"{SECRET} b",
            "margin": 1.5,
            "order": row,
        }
        for row in range(5)
    ]


def score_rows() -> list[dict[str, Any]]:
    return [
        {
            "user_id": "u",
            "prompt": f"{SECRET} prompt {row // 2}",
            "response": f"{SECRET} response {row}",
            "score": float(row),
        }
        for row in range(6)
    ]


def as_lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_parquet(rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), buffer)
    return buffer.getvalue()


LINES: dict[str, dict[str, list[dict[str, Any]]]] = {
    "tldr": {"batch3.json": tldr_rows()},
    "prism": prism_rows(),
    "files of pairs": {"pairs.jsonl": pair_rows()},
    "files of scores": {"scores.jsonl": score_rows()},
}
FOLDERS: dict[str, Folder] = {
    **{name: {path: as_lines(rows) for path, rows in files.items()} for name, files in LINES.items()},
    "personalllm": {"train.parquet": as_parquet(personalllm_rows())},
    "personalllm as CSV": {"train.csv": as_csv(personalllm_rows())},
    "tldr of the hub": {"0000.parquet": as_parquet(tldr_rows(), SCHEMA)},
    "files as CSV": {"pairs.csv": as_csv(pair_rows())},
    "files as parquet": {"scores.parquet": as_parquet(score_rows())},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "personalllm": {"users": 4, "pairs_per_user": 1},
    "tldr": {"minimum_annotations": 1, "articles": True},
    "prism": {},
    "files": {},
}


def whole_or_refused(kind: str, files: Folder) -> bool:
    """Load and save; whether the files were good enough."""
    source = kind.split()[0]
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name) / "files", Path(name) / "made" / "out"
        folder.mkdir()
        for path, content in files.items():
            (folder / path).write_bytes(content)
        try:
            load(source, OPTIONS[source], folder, "here").save(out)
        except InputError as error:
            assert not out.parent.exists() or not list(out.parent.iterdir())
            assert SECRET not in str(error) and "\n" not in str(error) and len(str(error)) < 1000 + len(name)
            return False
        assert list(out.parent.iterdir()) == [out]
        check_whole(out)
        return True


def check_whole(out: Path) -> None:
    """Every table can be read, and names nothing that is not there."""
    tables = {path.stem: pq.read_table(path) for path in out.glob("*.parquet")}
    assert set(tables) <= set(SCHEMAS) and json.loads((out / "source.json").read_text(encoding="utf-8"))
    for table in tables.values():
        table.validate(full=True)
    texts = {row["text_id"]: content_id(row["prompt"], row["response"]) for row in tables["texts"].to_pylist()}
    assert all(text_id == again for text_id, again in texts.items()) and len(texts) == len(tables["texts"])
    pairs = tables["pairs"].to_pylist()
    assert len({row["pair_id"] for row in pairs}) == len(pairs) > 0
    assert all(row["chosen"] in texts and row["rejected"] in texts for row in pairs)
    assert {row["user_id"] for row in pairs} <= set(tables["users"]["user_id"].to_pylist())
    if "candidates" in tables:
        assert set(tables["candidates"]["text_id"].to_pylist()) <= set(texts)
        assert {row["group_id"] for row in pairs} <= set(tables["candidates"]["group_id"].to_pylist())


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value within a record, however deep."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def replaced(record: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The record with another value at ``path``; ``REMOVED`` for none at all."""
    record = copy.deepcopy(record)
    inner: Any = record
    for key in path[:-1]:
        inner = inner[key]
    if value is REMOVED:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return record


@pytest.mark.parametrize("kind", FOLDERS)
def test_sound_files_are_good_enough(kind: str) -> None:
    assert whole_or_refused(kind, FOLDERS[kind])


@pytest.mark.parametrize("kind", LINES)
@EXAMPLES
@given(data=st.data())
def test_any_value_at_any_field(kind: str, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(LINES[kind])))
    rows = list(LINES[kind][path])
    number = data.draw(st.integers(0, len(rows) - 1))
    place = data.draw(st.sampled_from(list(places(rows[number]))))
    rows[number] = replaced(rows[number], place, data.draw(values | st.just(REMOVED)))
    whole_or_refused(kind, FOLDERS[kind] | {path: as_lines(rows)})


@pytest.mark.parametrize("kind", LINES)
@EXAMPLES
@given(data=st.data())
def test_any_lines(kind: str, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(LINES[kind])))
    lines = FOLDERS[kind][path].splitlines()
    more = [json.dumps(value).encode() for value in data.draw(st.lists(values, max_size=2))]
    lines = data.draw(st.permutations([*lines, *more, *data.draw(st.lists(st.binary(max_size=6), max_size=1))]))
    whole_or_refused(kind, FOLDERS[kind] | {path: b"\n".join(lines)})


@pytest.mark.parametrize("kind", LINES)
@EXAMPLES
@given(data=st.data())
def test_lines_in_any_order_are_as_good(kind: str, data: st.DataObject) -> None:
    shuffled = {path: as_lines(data.draw(st.permutations(rows))) for path, rows in LINES[kind].items()}
    assert whole_or_refused(kind, shuffled)


@pytest.mark.parametrize("kind", FOLDERS)
@EXAMPLES
@given(data=st.data())
def test_files_that_end_anywhere(kind: str, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(FOLDERS[kind])))
    content = FOLDERS[kind][path]
    end = data.draw(st.integers(0, len(content) - 1))
    whole_or_refused(kind, FOLDERS[kind] | {path: content[:end] + data.draw(st.binary(max_size=3))})


@pytest.mark.parametrize("kind", FOLDERS)
@EXAMPLES
@given(data=st.data())
def test_files_with_a_byte_of_another_value(kind: str, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(FOLDERS[kind])))
    content = bytearray(FOLDERS[kind][path])
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    whole_or_refused(kind, FOLDERS[kind] | {path: bytes(content)})


@pytest.mark.parametrize("kind", ["personalllm", "tldr of the hub", "files as parquet"])
@EXAMPLES
@given(content=st.binary(min_size=1, max_size=60), signed=st.booleans())
def test_any_bytes_for_parquet(kind: str, content: bytes, signed: bool) -> None:
    (path,) = FOLDERS[kind]
    assert not whole_or_refused(kind, {path: b"PAR1" + content + b"PAR1" if signed else content})
