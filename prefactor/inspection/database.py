"""Prepared tables as views of a DuckDB database that spills to a folder of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from duckdb import DuckDBPyConnection

from prefactor.errors import InputError
from prefactor.preferences import SCHEMAS

NEEDED = ("texts", "pairs", "users")
MEMORY = "2GB"
FIX = "run stage prepare again"


@contextmanager
def opened(prepared: Path) -> Iterator[DuckDBPyConnection]:
    """The tables in the folder ``prepared``, each as a view of its name; ``candidates`` and ``prompts`` if they exist.

    Raises InputError for a table that is missing, damaged or without a column of its schema.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,
        "memory_limit": MEMORY,
        "preserve_insertion_order": False,
    }
    with TemporaryDirectory(prefix="prefactor-") as spill, duckdb.connect(config=settings) as connection:
        connection.execute("SET temp_directory = $folder", {"folder": spill})
        connection.execute("SET enable_progress_bar = false")
        for name in SCHEMAS:
            _view(connection, name, prepared / f"{name}.parquet")
        try:
            yield connection
        except duckdb.Error as error:  # a damaged page
            raise InputError(f"{prepared}: its tables cannot be queried ({_first_line(error)}): {FIX}") from error


def _view(connection: DuckDBPyConnection, name: str, path: Path) -> None:
    if not path.is_file():
        if name in NEEDED:
            raise InputError(f"{path} does not exist: {FIX}")
        return
    try:
        table = connection.read_parquet(str(path))
    except duckdb.Error as error:
        raise InputError(f"{path} is not a readable parquet file ({_first_line(error)}): {FIX}") from error
    if missing := [column for column in SCHEMAS[name].names if column not in table.columns]:
        raise InputError(f"{path} lacks column(s) {missing}: it has {table.columns}: {FIX}")
    table.create_view(name)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
