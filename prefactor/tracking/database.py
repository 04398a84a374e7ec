"""A new SQLite store, made beside its place: it is there with all of its tables, or not at all.

MLflow makes the tables in some fifty steps. A process that is killed between two of them, or finds the disk full,
leaves a file that no later one can finish.
"""

import fcntl
from pathlib import Path

from prefactor.atomic import atomic_file
from prefactor.tracking.address import SQLITE
from prefactor.tracking.noise import without_noise


def make_database(database: Path) -> None:
    """Make the file of a SQLite store, unless it is there: by one process, of however many projects share it."""
    if _is_made(database):
        return
    with (database.parent / f".{database.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_made(database):
            with atomic_file(database) as scratch:
                _fill(scratch)


def _is_made(database: Path) -> bool:
    return database.exists() and database.stat().st_size > 0


def _fill(scratch: Path) -> None:
    from mlflow import MlflowClient

    with without_noise():
        MlflowClient(f"{SQLITE}{scratch}").search_experiments(max_results=1)
