"""Reference pairs on disk: a parquet file or a folder of them, read as one table, a user's rows together."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.errors import InputError

USER, CHOSEN, REJECTED = "user_id", "chosen", "rejected"
COLUMNS = (USER, CHOSEN, REJECTED)


@dataclass(frozen=True)
class Group:
    """A row group of a file of this ``footer``, and the number of its ``first`` row within that."""

    path: Path
    number: int
    first: int
    rows: int
    footer: pq.FileMetaData = field(repr=False, compare=False)

    def batches(self, low: int, high: int, rows: int, columns: Sequence[str]) -> Iterator[tuple["Place", pa.Table]]:
        """Rows ``low`` to ``high`` - 1 of the group, at most ``rows`` at a time, each batch with its place."""
        with (
            reading(self.path),
            pq.ParquetFile(
                self.path, metadata=self.footer, read_dictionary=[CHOSEN, REJECTED], pre_buffer=False
            ) as file,
        ):
            first = 0
            for batch in file.iter_batches(rows, row_groups=[self.number], columns=list(columns), use_threads=False):
                start, end = max(low - first, 0), min(high - first, len(batch))
                if start < end:
                    table = pa.Table.from_batches([batch.slice(start, end - start)]).select(list(columns))
                    _check_nulls(place := Place(self.path, self.first + first + start), table)
                    yield place, table
                first += len(batch)
                if first >= high:
                    return


@dataclass(frozen=True)
class Source:
    """Files in the order of their names, and their row groups in order."""

    files: tuple[Path, ...]
    groups: tuple[Group, ...]

    @classmethod
    def open(cls, path: Path) -> "Source":
        """InputError for what is no parquet file, or lacks a column."""
        files = tuple(sorted(path.glob("*.parquet"))) if path.is_dir() else (path,)
        if not files:
            raise InputError(f"{path} holds no .parquet file: name a file of reference pairs, or a folder of them")
        groups = tuple(group for file in files for group in _groups(file))
        if not sum(group.rows for group in groups):
            raise InputError(f"{path} holds no reference pair: nothing to adapt to")
        return cls(files, groups)

    def digest(self) -> str:
        """What tells it from other pairs: SHA-256 of the files' names and bytes.

        Every byte is read, as it lies there compressed: another label changes neither a file's size nor its footer, and
        what was found for it before would be kept. 56 MB, 9,000,000 rows, take 0.1 s.
        """
        found = hashlib.sha256()
        for path in self.files:
            with reading(path), path.open("rb") as file:
                found.update(f"{path.name}\0".encode() + hashlib.file_digest(file, "sha256").digest())
        return found.hexdigest()

    def batches(self, first: int, last: int, rows: int) -> Iterator[tuple["Place", pa.Table]]:
        """Rows ``first`` to ``last`` - 1 of all, at most ``rows`` at a time, each batch with the place it begins at.

        Texts' ids come as dictionaries: few distinct values, however many rows name them.
        """
        start = 0  # of a group, among all
        for group in self.groups:
            low, high = max(first - start, 0), min(last - start, group.rows)
            if low < high:
                yield from group.batches(low, high, rows, COLUMNS)
            start += group.rows


@dataclass(frozen=True)
class Place:
    """A row of a file, for messages."""

    path: Path
    row: int

    def later(self, rows: int) -> "Place":
        """So many rows further on in the file."""
        return Place(self.path, self.row + rows)

    def __str__(self) -> str:
        return f"{self.path}, row {self.row}"


def _groups(path: Path) -> Iterator[Group]:
    with reading(path), pq.ParquetFile(path) as file:
        _check_columns(path, file.schema_arrow)
        first = 0
        for number in range(file.metadata.num_row_groups):
            rows = file.metadata.row_group(number).num_rows
            yield Group(path, number, first, rows, file.metadata)
            first += rows


def _check_columns(path: Path, schema: pa.Schema) -> None:
    for name in COLUMNS:
        if name not in schema.names:
            raise InputError(f"{path} has no column {name!r}: it has {', '.join(schema.names)}; it needs {COLUMNS}")
        kind = schema.field(name).type
        if not _is_text(kind.value_type if pa.types.is_dictionary(kind) else kind):
            raise InputError(f"{path}, column {name!r} is of type {kind}, not of strings: write it as strings")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _check_nulls(place: Place, table: pa.Table) -> None:
    for name in table.column_names:
        if table[name].null_count:
            row = table[name].is_null().combine_chunks().index(True).as_py()
            raise InputError(f"{place.later(row)}: {name} is missing: fill it in or drop the row")


@contextmanager
def reading(path: Path) -> Iterator[Any]:
    """What goes wrong in reading a file becomes an InputError that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(
            f"{path} does not exist: name a parquet file of reference pairs, or a folder of them"
        ) from error
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as parquet ({error}): write it anew") from error
