"""JSONL files: one JSON object a line. Python looks at lines only for the header and where Arrow refused the file."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa
from pyarrow.json import ParseOptions, ReadOptions, read_json

from prefactor.datasets.columns import KINDS, TYPES, WANTED, Kind
from prefactor.datasets.inputs import InputFile
from prefactor.datasets.rows import recognisable, without_content, without_text
from prefactor.errors import InputError

BLOCK_BYTES = 1 << 24  # a line must be shorter
HEADER_LINES = 100
PYTHON_TYPES: dict[Kind, tuple[type, ...]] = {
    "text": (str,),
    "identifier": (str, int),
    "number": (int, float),
    "integer": (int,),
}


def header(file: InputFile) -> list[str]:
    """Keys of the first hundred objects, in order of appearance. Later lines may have more."""
    return list(dict.fromkeys(key for _, item in islice(_objects(file), HEADER_LINES) for key in item))


def read(file: InputFile, columns: Mapping[str, str]) -> pa.Table:
    """All of ``columns``; where a line lacks a key, or holds null, the value is null."""
    kinds = {column: KINDS[name] for name, column in columns.items()}
    schema = pa.schema([(column, _type(file, column, kind)) for column, kind in kinds.items()])
    try:
        return read_json(
            file.path,
            read_options=ReadOptions(block_size=BLOCK_BYTES),
            parse_options=ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid as error:
        _find_fault(file, kinds)
        what = f"{file.path}: {without_content(error)}"
        raise InputError(f"{what}: write the file again as one JSON object per line") from error


def _type(file: InputFile, column: str, kind: Kind) -> pa.DataType:
    """Identifiers are what they are on the first lines, numbers or strings; the others are what they must be."""
    if kind != "identifier":
        return TYPES[kind]
    values = (item.get(column) for _, item in islice(_objects(file), HEADER_LINES))
    first = next((value for value in values if value is not None), "")
    return pa.int64() if isinstance(first, int) and not isinstance(first, bool) else pa.string()


def _find_fault(file: InputFile, kinds: Mapping[str, Kind]) -> None:
    """Raise the InputError of the first line that cannot be read, if Python sees it too."""
    seen: dict[str, tuple[int, Any]] = {}
    for line, item in _objects(file):
        for column, kind in kinds.items():
            if (value := item.get(column)) is not None:
                _check(f"{file.path}, line {line}", column, kind, value)
                _check_same_type(f"{file.path}, line {line}", column, value, *seen.setdefault(column, (line, value)))


def _check(place: str, column: str, kind: Kind, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, PYTHON_TYPES[kind]):
        shown = without_text(value) if kind == "text" else f"{recognisable(value)}, a {type(value).__name__}"
        found = f"{column!r} is {shown}"
        raise InputError(f"{place}: {found}, but must be {WANTED[kind]}: convert it")
    if isinstance(value, int) and abs(value) >= 1 << 63:
        raise InputError(f"{place}: {column!r} is {value}, which needs more than 64 bits: write it as a string")
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        shown = without_text(value) if kind == "text" else recognisable(value)
        raise InputError(f"{place}: {column!r} holds half of a surrogate pair ({shown}): remove it")


def _check_same_type(place: str, column: str, value: Any, first_line: int, first: Any) -> None:
    if isinstance(value, str) != isinstance(first, str):
        before = f"{recognisable(first)} on line {first_line}"
        raise InputError(f"{place}: {column!r} is {recognisable(value)} but {before}: write all as strings")


def _objects(file: InputFile) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and object of every line that is not blank."""
    with file.path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield number, _object(line, f"{file.path}, line {number}")


def _object(line: str, place: str) -> dict[str, Any]:
    fix = "write one JSON object per line"
    try:
        value = json.loads(line, object_pairs_hook=_object_of)
    except json.JSONDecodeError as error:
        where = f"{error.msg} at column {error.colno} of {len(line.rstrip())} characters"
        raise InputError(f"{place}: malformed JSON, {where}; {fix}") from None
    except RecursionError:
        raise InputError(f"{place}: JSON nested too deeply; {fix}") from None
    if not isinstance(value, dict):
        raise InputError(f"{place}: holds a {type(value).__name__}, not an object; {fix}")
    if isinstance(value, Repeating):
        raise InputError(f"{place}: key {recognisable(value.key)} is given twice: keep one")
    return value


class Repeating(dict[str, Any]):
    """An object that gives ``key`` twice. Inside of others this is no concern: they are not read."""

    def __init__(self, pairs: list[tuple[str, Any]], key: str) -> None:
        super().__init__(pairs)
        self.key = key


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    names = [key for key, _ in pairs]
    return Repeating(pairs, next(key for index, key in enumerate(names) if key in names[:index]))
