"""Reference pairs brought into the order in which they can be read: a user's rows together, in the order they came."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from prefactor.adaptation.source import COLUMNS, USER
from prefactor.atomic import atomic_file
from prefactor.disk import written
from prefactor.errors import InputError

MEMORY = "2GB"  # beyond it DuckDB goes on on the disk
ROWS = 1_000_000  # of a row group


def sort_pairs(files: Sequence[Path], path: Path, threads: int, memory: str = MEMORY) -> None:
    """Write the files' pairs to ``path`` by user, bytes ascending; a user's stay in the order of files and rows.

    What does not fit into ``memory`` is spilled into a folder beside ``path``. DiskError where that cannot be written,
    InputError where a file cannot be read or the memory is too little even so.
    """
    columns = ", ".join(COLUMNS)
    with atomic_file(path) as scratch, TemporaryDirectory(prefix=".sort.", dir=path.parent) as spill:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": spill,
            "memory_limit": memory,
            "threads": threads,
        }
        with duckdb.connect(config=settings) as connection:
            query = f"""
                COPY (
                    SELECT {columns} FROM read_parquet($files, filename = true, file_row_number = true)
                    ORDER BY {USER}, filename, file_row_number
                ) TO '{_quoted(scratch)}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS})
            """
            with _sorting(path, memory):
                connection.execute(query, {"files": [str(file) for file in files]})


@contextmanager
def _sorting(path: Path, memory: str) -> Iterator[None]:
    """DuckDB's errors by what is to be done about them."""
    try:
        with written(path):
            yield
    except duckdb.OutOfMemoryException as error:
        raise InputError(
            f"the pairs cannot be sorted in {memory} of memory ({_said(error)}): use fewer threads"
        ) from error
    except duckdb.Error as error:
        raise InputError(f"the pairs cannot be sorted ({_said(error)}): write the file anew that this names") from error


def _said(error: duckdb.Error) -> str:
    """Without the query and advice that follow."""
    return str(error).partition("\n")[0]


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
