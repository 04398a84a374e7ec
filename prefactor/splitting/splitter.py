"""The split from prepared tables to written files: whole or not at all, within bounded memory."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from duckdb import DuckDBPyConnection

from prefactor.atomic import atomic_folder, write_json
from prefactor.errors import InputError
from prefactor.parameters import nearest
from prefactor.progress import progress
from prefactor.splitting import units
from prefactor.splitting.assignment import assign_roles, cut_queues, place_pairs
from prefactor.splitting.manifest import describe
from prefactor.splitting.parameters import SplitParameters
from prefactor.splitting.pools import draw_pools
from prefactor.splitting.units import PAIR_COLUMNS

REQUIRED = {"pairs": PAIR_COLUMNS, "texts": ("text_id", "prompt"), "users": ("user_id",)}


def split(prepared: Path, out: Path, parameters: SplitParameters, threads: int | None = None) -> dict[str, Any]:
    """Split the prepared tables in ``prepared`` and write pairs, users and manifest to the folder ``out``.

    ``pairs.parquet``: pair_id, user_id, group_id, chosen, rejected, margin (null if unknown), role (seen, validation,
    unseen), part (train, validation, evaluation, reference), rank (int32 from 0: a fixed pseudo-random order within a
    user's part, so that ``rank < n`` are nested subsets), sorted by user, part and rank. ``users.parquet``: user_id,
    role.
    ``manifest.json``, also returned: parameters, counts, checksums.

    A pure function of the tables' content and ``parameters``: neither row order nor ``threads`` (default: all
    cores) matters. Raises InputError for tables or shares that do not fit; nothing is written then.
    """
    prepared, out = Path(prepared), Path(out)
    with atomic_folder(out) as scratch:
        work = scratch / ".work"
        work.mkdir()
        with _database(work, parameters, threads) as connection:
            _check_tables(connection, prepared)
            _check_within(connection, prepared, parameters.within)
            _run(connection, prepared, scratch, parameters)
            manifest = describe(connection, prepared, scratch, parameters)
        shutil.rmtree(work)
        write_json(scratch / "manifest.json", manifest)
    return manifest


def _run(connection: DuckDBPyConnection, prepared: Path, out: Path, parameters: SplitParameters) -> None:
    """All steps in order; each reads tables of the ones before."""
    steps = (
        ("read pairs", lambda: units.load_pairs(connection, prepared, parameters)),
        ("connect units", lambda: units.connect_units(connection, parameters.leakage)),
        ("draw pools", lambda: draw_pools(connection, prepared, parameters)),
        ("order units", lambda: units.queue_units(connection, parameters)),
        ("cut queues", lambda: cut_queues(connection, parameters)),
        ("assign users", lambda: assign_roles(connection, parameters)),
        ("place pairs", lambda: place_pairs(connection, parameters)),
        ("write", lambda: _write(connection, prepared, out)),
    )
    units.define_order(connection, parameters.seed)
    with progress("split", len(steps), "steps") as shown:
        for name, step in steps:
            step()
            shown.advance(note=name)


@contextmanager
def _database(work: Path, parameters: SplitParameters, threads: int | None) -> Iterator[DuckDBPyConnection]:
    """A scratch database in ``work`` that spills there too; DuckDB's own limits become InputErrors."""
    connection = duckdb.connect(str(work / "split.duckdb"), config={"autoinstall_known_extensions": "false"})
    try:
        _configure(connection, work, parameters.memory_limit, threads)
        yield connection
    except duckdb.OutOfMemoryException as error:
        limit = parameters.memory_limit
        raise InputError(f"split.memory_limit: {limit} is too little for these tables: raise it ({error})") from error
    finally:
        connection.close()


def _configure(connection: DuckDBPyConnection, work: Path, memory_limit: str, threads: int | None) -> None:
    try:
        connection.execute("SET memory_limit = $limit", {"limit": memory_limit})
    except duckdb.Error as error:
        raise InputError(f"split.memory_limit: {memory_limit!r} is no amount of memory: write e.g. 2GB") from error
    connection.execute("SET temp_directory = $folder", {"folder": str(work / "spill")})
    # The results are sorted where order matters; keeping it everywhere would only hold rows in memory.
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET enable_progress_bar = false")
    if threads is not None:
        connection.execute(f"SET threads = {int(threads)}")


def _check_tables(connection: DuckDBPyConnection, prepared: Path) -> None:
    for name, required in REQUIRED.items():
        path = prepared / f"{name}.parquet"
        if not path.is_file():
            raise InputError(f"{path} does not exist: run stage prepare first")
        try:
            described = connection.execute("DESCRIBE SELECT * FROM read_parquet($path)", {"path": str(path)}).fetchall()
        except duckdb.Error as error:
            raise InputError(f"{path} cannot be read as parquet ({error}): run stage prepare again") from error
        columns = [row[0] for row in described]
        missing = [column for column in required if column not in columns]
        if missing:
            raise InputError(f"{path} lacks column(s) {missing}: it has {columns}")


def _check_within(connection: DuckDBPyConnection, prepared: Path, within: str | None) -> None:
    """Refuse a column that is not there, or that is not true or false for everyone."""
    if within is None:
        return
    path = prepared / "users.parquet"
    described = connection.execute("DESCRIBE SELECT * FROM read_parquet($path)", {"path": str(path)}).fetchall()
    kinds = {row[0]: row[1] for row in described}
    if within not in kinds:
        raise InputError(f"split.within: {path} has no column {within!r}{nearest(within, kinds, 'columns')}")
    if kinds[within] != "BOOLEAN":
        raise InputError(f"split.within: column {within!r} of {path} is {kinds[within]}, but must be true or false")
    query = f"SELECT user_id FROM read_parquet($path) WHERE {within} IS NULL LIMIT 1"
    if unknown := connection.execute(query, {"path": str(path)}).fetchone():
        raise InputError(f"split.within: {path}: user {unknown[0]!r} has no {within!r}: fill it in")


def _write(connection: DuckDBPyConnection, prepared: Path, out: Path) -> None:
    """Write both tables, sorted, so that equal splits are equal bytes."""
    columns = ", ".join(f"source.{name}" for name in PAIR_COLUMNS)
    _copy(
        connection,
        f"""SELECT {columns}, role, part, rank
        FROM read_parquet('{_quoted(prepared / "pairs.parquet")}', file_row_number = true) AS source
        JOIN ranked ON pair = source.file_row_number ORDER BY user, part, rank""",
        out / "pairs.parquet",
    )
    _copy(connection, "SELECT user_id, role FROM roles ORDER BY user_id", out / "users.parquet")


def _copy(connection: DuckDBPyConnection, query: str, path: Path) -> None:
    connection.execute(f"COPY ({query}) TO '{_quoted(path)}' (FORMAT parquet, COMPRESSION zstd)")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
