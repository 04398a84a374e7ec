"""Parquet, JSONL or CSV files become rows of known names and types, or an error that names the row."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds_of

from prefactor.datasets.columns import KINDS, TYPES, WANTED, Kind, Layout, assign
from prefactor.datasets.formats import csv, jsonl, parquet
from prefactor.datasets.inputs import Format, InputFile, refused_access
from prefactor.datasets.rows import Origin, Rows, first_failure, recognisable, without_text
from prefactor.errors import InputError

READERS: dict[Format, ModuleType] = {"parquet": parquet, "jsonl": jsonl, "csv": csv}


def read_header(file: InputFile) -> list[str]:
    """Column names of a file; of JSONL, the keys of its first lines."""
    with refused_access(file.path):
        names: list[str] = READERS[file.format].header(file)
    return names


def read_rows(source: Path, files: tuple[InputFile, ...], layout: Layout, mapping: Mapping[str, str]) -> Rows:
    """The layout's columns of all ``files`` under their normalized names, as string, float64 and int64.

    Integer ``user_id`` and ``group_id`` become strings. An optional column that is not mapped and
    without any value is left out.
    Raises InputError naming file, row, value and fix.
    """
    parts = [_read(file, assign(layout, mapping, read_header(file), str(file.path))) for file in files]
    table = pa.concat_tables([part for part, _ in parts], promote_options="default")
    if not table.num_rows:
        raise InputError(f"{source} holds no rows: it must have at least one")
    unasked = [name for name in layout.optional if name not in mapping]
    table = table.drop_columns([name for name in unasked if _is_unused(table, name)])
    columns = {name: origin for name, origin in parts[0][1].items() if name in table.column_names}
    return Rows(table, source, tuple(file.path for file in files), tuple(len(part) for part, _ in parts), columns)


def _is_unused(table: pa.Table, name: str) -> bool:
    return name in table.column_names and table[name].null_count == len(table)


def _read(file: InputFile, columns: Mapping[str, str]) -> tuple[pa.Table, dict[str, Origin]]:
    """The typed columns of one file, and what they were in it."""
    with refused_access(file.path):
        table: pa.Table = READERS[file.format].read(file, columns)
    found = {name: column for name, column in columns.items() if column in table.column_names}
    typed = {name: _typed(table[column], name, column, file) for name, column in found.items()}
    return pa.table(typed), {name: Origin(column, str(table[column].type)) for name, column in found.items()}


def _typed(values: pa.ChunkedArray, name: str, column: str, file: InputFile) -> pa.ChunkedArray:
    """``values`` in the type of the part that they play."""
    kind = KINDS[name]
    if kinds_of.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if file.format == "csv" and kind in ("number", "integer"):
        trimmed = pc.utf8_trim_whitespace(values)
        values = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
    elif not _fits(values.type, kind):
        raise _wrong_type(values, max(pc.index(values.is_valid(), True).as_py(), 0), kind, column, file)
    wrong = first_failure(values, lambda part: part.cast(TYPES[kind]))
    if wrong is not None:
        raise _wrong_type(values, wrong, kind, column, file)
    return values.cast(TYPES[kind])


def _fits(given: pa.DataType, kind: Kind) -> bool:
    """Whether a column of type ``given`` can play a part of this kind. One of nulls only can: its rows are refused."""
    text = kinds_of.is_string(given) or kinds_of.is_large_string(given) or kinds_of.is_string_view(given)
    whole = kinds_of.is_integer(given)
    number = whole or kinds_of.is_floating(given) or kinds_of.is_decimal(given)
    fits = {"text": text, "identifier": text or whole, "number": number, "integer": whole}
    return kinds_of.is_null(given) or fits[kind]


def _wrong_type(values: pa.ChunkedArray, row: int, kind: Kind, column: str, file: InputFile) -> InputError:
    show = without_text if kind == "text" else recognisable
    value = show(values[row].as_py()) if len(values) else "no value"
    holds = f"column {column!r} holds {value} of type {str(values.type).partition('<')[0]}"
    return InputError(f"{file.path}, row {row + 1}: {holds}, but must be {WANTED[kind]}: convert it")
