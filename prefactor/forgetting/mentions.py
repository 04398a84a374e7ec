"""Does a file mention a person? Told by what is in it, for files in DVC's cache have no names.

An id that says enough by itself counts wherever it stands as a word. One like `7` counts as a whole value where ids of
its kind belong: in a column `user_id`, in a list of users, in quotes after the word user.
"""

import csv
import html
import json
import mmap
import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefactor.errors import InputError
from prefactor.forgetting.traces import HASH, Traces

PARQUET, SQLITE = b"PAR1", b"SQLite format 3\0"
NUMBERS = re.compile(rb"\x93NUMPY.{4,6}\{'descr': '[<>=|][fiu]\d", re.DOTALL)  # a file of numpy, one number an item
HEADER = 128  # bytes, of such a file
LENGTH = 8  # bytes, in which a file of safetensors says how long its description is
HEX_RUN = re.compile(rb"[0-9a-f]{32,}")
DIGITS = 32
WORD = re.compile(rb"\w+")
FEW = 16  # spellings: so many are sought one after the other
PERSON = re.compile(r"user|rater|worker|annotator|person|people", re.IGNORECASE)
Bytes = bytes | mmap.mmap


def mentions(path: Path, traces: Traces) -> bool:
    """Does a file hold any of these traces. Raises InputError for one that may not be read.

    Parquet: every text of every column, lists and structures included, as a whole value. SQLite: every cell. All else:
    its bytes, and as JSON or CSV where it is such. A parquet file that is damaged counts as mentioning.
    """
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _in_data(path, data, traces)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): nobody can tell whom it mentions") from error


def _in_data(path: Path, data: mmap.mmap, traces: Traces) -> bool:
    if data[: len(PARQUET)] == PARQUET:
        return _in_parquet(path, traces)
    if data[: len(SQLITE)] == SQLITE:
        try:
            return _in_database(path, traces)
        except sqlite3.DatabaseError:
            pass  # damaged or locked: its bytes tell as much as can be told
    return _in_bytes(_readable(data), traces)


def _readable(data: mmap.mmap) -> Bytes:
    """What may hold text: of arrays of numbers, which are most of what lies in a cache, their description alone."""
    if NUMBERS.match(data):
        return data[:HEADER]
    length = int.from_bytes(data[:LENGTH], "little")
    is_tensors = data[LENGTH : LENGTH + 2] == b'{"' and LENGTH + length <= len(data)
    return data[LENGTH : LENGTH + length] if is_tensors else data


def _in_parquet(path: Path, traces: Traces) -> bool:
    try:
        with pq.ParquetFile(path) as file:
            return any(
                _holds(values, _names_in(name, traces))
                for batch in file.iter_batches()
                for column, array in zip(batch.schema.names, batch.columns, strict=True)
                for name, values in _texts(column, array)
            )
    except (OSError, pa.ArrowException):
        return True


def _texts(name: str, array: pa.Array) -> Iterator[tuple[str, pa.Array]]:
    """The strings of a column, with the name of the field that they are in."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        yield from _texts(name, array.dictionary)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _texts(name, array.flatten())
    elif pa.types.is_struct(kind):
        for field, values in zip(kind, array.flatten(), strict=True):
            yield from _texts(field.name, values)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        yield name, array.cast(pa.string())


def _holds(values: pa.Array, wanted: Collection[str]) -> bool:
    found = pc.any(pc.is_in(values, value_set=pa.array(sorted(wanted), pa.string())))
    return bool(found.as_py())


def _names_in(name: str, traces: Traces) -> frozenset[str]:
    """What is looked for, as whole values, in a column of this name."""
    return traces.distinct | traces.hex | _kind(name, traces)


def _kind(name: str, traces: Traces) -> frozenset[str]:
    """The ids that belong in a column, or below a key, of this name."""
    if PERSON.search(name):
        return traces.users
    return traces.groups if "group" in name else traces.conversations if "conversation" in name else frozenset()


def _means(name: str, value: str, traces: Traces) -> bool:
    return value in traces.distinct or value in traces.hex or value in _kind(name, traces)


def _in_database(path: Path, traces: Traces) -> bool:
    """A database that is in use is read as it stands."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
        database.text_factory = bytes
        names = [row[0].decode() for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in names:
            for row in database.execute('SELECT * FROM "' + table.replace('"', '""') + '"'):
                if any(isinstance(cell, bytes) and _in_cell(cell, traces) for cell in row):
                    return True
    return False


def _in_cell(cell: bytes, traces: Traces) -> bool:
    """Of ids that say little only those in quotes: a store's own `user_id` is whoever runs it, nobody of the data."""
    vague = traces.users - traces.distinct
    known = _has_hash(cell, traces.hex) or _has_name(cell, traces.distinct, whole=True)
    return known or _quoted(cell.decode(errors="replace"), vague)


def _in_bytes(data: Bytes, traces: Traces) -> bool:
    binary = data.find(b"\0") >= 0
    if _has_hash(data, traces.hex) or _has_name(data, traces.distinct, whole=not binary):
        return True
    vague = traces.names - traces.distinct
    return bool(vague) and not binary and _in_text(data, traces)


def _has_hash(data: Bytes, wanted: Collection[str]) -> bool:
    """Any of these 32 hex digits, wherever they begin: in an array of ids nothing stands between two of them."""
    if not wanted:
        return False
    for run in HEX_RUN.finditer(data):
        found = run[0].decode()
        if any(found[start : start + DIGITS] in wanted for start in range(len(found) - DIGITS + 1)):
            return True
    return False


def _has_name(data: Bytes, names: frozenset[str], whole: bool) -> bool:
    """Any of these ids, as JSON, HTML, CSV or plain text writes it; ``whole``: not inside a longer word."""
    spellings, words = _all_spellings(names)
    if whole and len(spellings) > FEW:
        there = {word[0] for word in WORD.finditer(data) if word[0] in words}  # the file is read once for all ids
        spellings = {spelling: needed for spelling, needed in spellings.items() if needed <= there}
    for spelling in spellings:
        pattern = re.escape(spelling)
        before, after = (rb"(?<!\w)", rb"(?!\w)") if whole else (b"", b"")
        if re.search(before + pattern + after, data):
            return True
    return False


@lru_cache
def _all_spellings(names: frozenset[str]) -> tuple[Mapping[bytes, frozenset[bytes]], frozenset[bytes]]:
    """Every spelling and the words in it, and all these words; what is a hash is looked for as one."""
    spelt = {spelling for name in names if not HASH.fullmatch(name) for spelling in _spellings(name)}
    words = {spelling: frozenset(WORD.findall(spelling)) for spelling in spelt}
    return words, frozenset().union(*words.values())


def _spellings(name: str) -> set[bytes]:
    quoted = [json.dumps(name, ensure_ascii=ascii)[1:-1] for ascii in (True, False)]
    return {each.encode() for each in (name, *quoted, html.escape(name), name.replace('"', '""'))}


def _in_text(data: Bytes, traces: Traces) -> bool:
    """Ids that say little by themselves: whole values of JSON or CSV, or in quotes after the word user."""
    text = bytes(data).decode(errors="replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _in_csv(text, traces) or _quoted(text, traces.users)
    return _in_json(value, "users" if isinstance(value, list) else "", traces)


def _in_json(value: Any, name: str, traces: Traces) -> bool:
    if isinstance(value, str):
        return _means(name, value, traces) or _quoted(value, traces.users)
    if isinstance(value, list):
        return any(_in_json(item, name, traces) for item in value)
    if isinstance(value, dict):
        keyed = name == "context_of" and not traces.groups.isdisjoint(value)
        return keyed or any(_in_json(item, key, traces) for key, item in value.items())
    return False


def _in_csv(text: str, traces: Traces) -> bool:
    try:
        rows = csv.reader(text.splitlines(keepends=True))
        wanted = [_names_in(name, traces) for name in next(rows, [])]
        return any(cell in names for row in rows for cell, names in zip(row, wanted, strict=False))
    except csv.Error:
        return False


def _quoted(text: str, users: Collection[str]) -> bool:
    """As messages name a user: `user '7'`, `user_id: "7"`, `user_id=7`."""
    return bool(users) and _said(frozenset(users)).search(text) is not None


@lru_cache
def _said(users: frozenset[str]) -> re.Pattern[str]:
    names = "|".join(re.escape(name) for name in sorted(users))
    quote = r"(?:[\"'`]|&#39;|&quot;)"
    said = rf"(?i:user|rater|worker|annotator)(?:_?id)?\W{{0,4}}{quote}(?:{names}){quote}"
    given = rf"(?i:user_?id)\W{{1,4}}(?:{names})(?!\w)"
    return re.compile(f"{said}|{given}")
