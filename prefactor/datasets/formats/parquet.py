"""Parquet files: read batch by batch, their text checked to be UTF-8, which Arrow does not do by itself."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.datasets.inputs import InputFile
from prefactor.datasets.rows import first_failure
from prefactor.errors import InputError

ROWS_PER_BATCH = 1 << 16  # keeps every chunk of text far below the 2 GiB that a string array can address


def header(file: InputFile) -> list[str]:
    """Column names, from the file's footer."""
    with _opened(file) as opened:
        return list(opened.schema_arrow.names)


def read(file: InputFile, columns: Mapping[str, str]) -> pa.Table:
    """Those of ``columns`` that the file has, each once."""
    with _opened(file) as opened:
        names = [name for name in dict.fromkeys(columns.values()) if name in opened.schema_arrow.names]
        schema = pa.schema([opened.schema_arrow.field(name) for name in names])
        batches = [batch.select(names) for batch in opened.iter_batches(ROWS_PER_BATCH, columns=names)]
        table = pa.Table.from_batches(batches, schema)
    for name in names:
        _refuse_bad_text(file, name, table[name])
    return table


def batches(file: InputFile, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
    """These columns of the file, at most ``rows`` rows at a time."""
    start = 0
    with _opened(file) as opened:
        for batch in opened.iter_batches(rows, columns=list(columns)):
            table = pa.Table.from_batches([batch])
            for name in table.column_names:
                _refuse_bad_text(file, name, table[name], start)
            yield table
            start += len(table)


@contextmanager
def _opened(file: InputFile) -> Iterator[pq.ParquetFile]:
    """The open file; what Arrow says of damage, on opening or later, becomes InputError."""
    try:
        with pq.ParquetFile(file.path) as opened:
            yield opened
    except (PermissionError, FileNotFoundError):
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # the last, of names of columns
        what = f"{file.path} is truncated or not a parquet file ({' '.join(str(error).split())})"
        raise InputError(f"{what}: copy or write it again") from error


def _refuse_bad_text(file: InputFile, name: str, column: pa.ChunkedArray, start: int = 0) -> None:
    row = first_failure(column, lambda part: part.validate(full=True))
    if row is not None:
        what = f"column {name!r} holds bytes that are not valid UTF-8"
        raise InputError(f"{file.path}, row {start + row + 1}: {what}: write the text again as UTF-8")
