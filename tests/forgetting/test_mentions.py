"""Whom a file mentions: found in every format, and taken for nobody else."""

import csv
import html
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from prefactor.errors import InputError
from prefactor.forgetting.mentions import mentions
from prefactor.forgetting.traces import Traces, is_distinct
from prefactor.preferences import content_id

HASH, OTHER_HASH = content_id("theirs"), content_id("somebody else's")
DISTINCT, ALIKE = "user-0000007", "user-00000071"
Write = Callable[[Path, str], None]


def parquet(column: str, kind: str) -> Write:
    """A table with one value among others: plain, as a dictionary, in a list, or in a list of structures."""

    def write(path: Path, value: str) -> None:
        values = pa.array(["seen", value, "unseen"])
        if kind == "dictionary":
            values = values.dictionary_encode()
        if kind == "large":
            values = values.cast(pa.large_string())
        if kind == "list":
            values = pa.array([["seen"], [], ["x", value]])
        if kind == "structures":
            values = pa.array([[], [{column: value, "n": 1}], None])
        pq.write_table(pa.table({column if kind != "structures" else "rows": values, "n": [1, 2, 3]}), path)

    return write


def as_json(path: Path, value: str) -> None:
    path.write_text(json.dumps({"worst": [{"user_id": value, "pairs": 3}], "rows": 7}), encoding="utf-8")


def users_json(path: Path, value: str) -> None:
    path.write_text(json.dumps(["first", value, "last"], indent=2, ensure_ascii=False), encoding="utf-8")


def as_csv(path: Path, value: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["pair_id", "user_id", "seed"], ["p", value, "0"], ["q", "else", "1"]])


def message(path: Path, value: str) -> None:
    path.write_text(f"validate: users-have-pairs: user_id {value!r} has no pair\n", encoding="utf-8")


def database(path: Path, value: str) -> None:
    with closing(sqlite3.connect(path)) as store, store:
        store.execute("CREATE TABLE log (level INTEGER, message TEXT)")
        store.executemany("INSERT INTO log VALUES (?, ?)", [(1, "start"), (2, f"no pair of user {value!r}")])


def index(path: Path, value: str) -> None:
    rows = np.array([(OTHER_HASH.encode(), 48, True), (value.encode(), 9, False)], dtype="S32,i4,?")
    np.save(path.with_suffix(".npy"), rows)
    path.with_suffix(".npy").rename(path)


STRUCTURED: dict[str, Write] = {
    "parquet": parquet("user_id", "plain"),
    "large strings": parquet("user_id", "large"),
    "dictionary": parquet("user_id", "dictionary"),
    "list": parquet("users", "list"),
    "structures": parquet("user_id", "structures"),
    "json": as_json,
    "users.json": users_json,
    "csv": as_csv,
}
ANYWHERE: dict[str, Write] = {**STRUCTURED, "message": message, "database": database, "column": parquet("who", "plain")}
IDS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12
)


@pytest.mark.parametrize("form", STRUCTURED)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(IDS.filter(str.strip), IDS)
def test_an_id_is_found_as_a_whole_value_and_no_other_is(form: str, tmp_path: Path, mine: str, more: str) -> None:
    """Whatever it is, short or a word of ours, with quotes, commas or umlauts; and a longer id that holds it is not."""
    path, other = tmp_path / uuid4().hex, tmp_path / uuid4().hex
    STRUCTURED[form](path, mine)
    STRUCTURED[form](other, f"{mine}{more}")
    traces = Traces(users=frozenset({mine}))
    assert mentions(path, traces)
    if not is_distinct(mine) and mine not in ("else", "first", "last", "seen", "unseen", "x"):
        assert not mentions(other, traces)


@pytest.mark.parametrize("form", ANYWHERE)
def test_a_distinct_id_is_found_wherever_it_stands_and_not_in_a_longer_one(form: str, tmp_path: Path) -> None:
    traces = Traces(users=frozenset({DISTINCT}))
    for value, expected in ((DISTINCT, True), (ALIKE, False), (f"x{DISTINCT}", False)):
        path = tmp_path / uuid4().hex
        ANYWHERE[form](path, value)
        assert mentions(path, traces) == expected, value


@pytest.mark.parametrize("form", [name for name in ANYWHERE if name != "column"])
def test_an_id_that_says_little_is_found_where_users_are_named(form: str, tmp_path: Path) -> None:
    for value, expected in (("7", True), ("71", False), ("17", False)):
        path = tmp_path / uuid4().hex
        ANYWHERE[form](path, value)
        assert mentions(path, Traces(users=frozenset({"7"}))) == expected, value


INNOCENT = {
    "training.json": '{"seeds": {"0": {"best_step": 7}, "7": {"best_step": 1}}, "run": "7"}',
    "history.csv": "seed,step,loss\n7,7,0.7\n",
    "manifest.json": '{"users": {"total": 60, "seen": 30}, "per_user": {"seen": {"train": {"mean": 7.0}}}}',
    "index.html": "<p>7 users, 1,007 pairs; users 7 [6, 8]</p><td>7</td>",
    "parameters": "seeds: [0, 7]\nusers_per_step: 7\n",
}


@pytest.mark.parametrize("name", INNOCENT)
@pytest.mark.parametrize("user", ["7", "seen", "0"])
def test_a_number_or_a_word_of_ours_is_no_user(name: str, user: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(INNOCENT[name])
    assert not mentions(tmp_path / name, Traces(users=frozenset({user})))


def test_columns_of_seeds_and_roles_name_nobody(tmp_path: Path) -> None:
    table = {"user_id": ["a", "b"], "seed": ["0", "7"], "split": ["seen", "unseen"], "group_id": ["7", "seen"]}
    pq.write_table(pa.table(table), tmp_path / "users.parquet")
    assert not mentions(tmp_path / "users.parquet", Traces(users=frozenset({"7", "seen"})))
    assert mentions(tmp_path / "users.parquet", Traces(groups=frozenset({"7"})))


@pytest.mark.parametrize("form", [*ANYWHERE, "index"])
def test_a_content_hash_is_found_in_any_column_and_any_file(form: str, tmp_path: Path) -> None:
    traces = Traces(hashes=frozenset({HASH}))
    write = {**ANYWHERE, "index": index}[form]
    for value, expected in ((HASH, True), (OTHER_HASH, False)):
        path = tmp_path / uuid4().hex
        write(path, value)
        assert mentions(path, traces) == expected


def test_a_hash_in_a_longer_run_of_digits_is_found(tmp_path: Path) -> None:
    """In an array of ids nothing parts two of them, and the number after one may read as a digit."""
    (tmp_path / "index").write_bytes(b"\0a" + OTHER_HASH.encode() + HASH.encode() + b"0\0")
    assert mentions(tmp_path / "index", Traces(hashes=frozenset({HASH})))


@pytest.mark.parametrize("name", ["zoë-müller-1", 'say "hi" 123', "o'neil & sons 9", "a@b"])
def test_an_id_is_found_however_it_is_escaped(name: str, tmp_path: Path) -> None:
    traces = Traces(users=frozenset({name}))
    for text in (json.dumps({"note": f"lost {name} today"}), f"<td>{html.escape(name)}</td>", f"lost {name}."):
        (tmp_path / "file").write_text(text, encoding="utf-8")
        assert mentions(tmp_path / "file", traces), text


def test_tensors_are_numbers_and_their_description_is_read(tmp_path: Path) -> None:
    """By chance some numbers spell a hash: they are nobody's."""
    numbers = np.frombuffer(HASH.encode() * 8, np.float16)
    np.save(tmp_path / "states.npy", numbers)
    save_file({"weight": numbers}, tmp_path / "model.safetensors")
    save_file({"weight": numbers}, tmp_path / "named.safetensors", {"trained_for": DISTINCT})
    traces = Traces(users=frozenset({DISTINCT}), hashes=frozenset({HASH}))
    found = {path.stem for path in tmp_path.iterdir() if mentions(path, traces)}
    assert found == {"named"}


def test_groups_are_found_as_the_keys_of_their_contexts(tmp_path: Path) -> None:
    (tmp_path / "source.json").write_text(json.dumps({"context_of": {"7": "home"}, "users": ["8"]}))
    assert mentions(tmp_path / "source.json", Traces(groups=frozenset({"7"})))
    assert not mentions(tmp_path / "source.json", Traces(groups=frozenset({"8"}), users=frozenset({"7"})))


def test_an_empty_file_mentions_nobody_and_a_damaged_table_counts(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and then nothing")
    (tmp_path / "torn.db").write_bytes(b"SQLite format 3\0 and " + DISTINCT.encode())
    traces = Traces(users=frozenset({DISTINCT}))
    assert not mentions(tmp_path / "empty", traces)
    assert mentions(tmp_path / "torn.parquet", traces) and mentions(tmp_path / "torn.db", traces)


def test_a_file_that_vanished_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone"):
        mentions(tmp_path / "gone", Traces(users=frozenset({"7"})))
