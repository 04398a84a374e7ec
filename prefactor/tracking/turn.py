"""Turns at a store: one publisher of a checkout at a time, and one of a PostgreSQL store, on whichever machine."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from prefactor.errors import InputError
from prefactor.tracking.address import is_postgres, redacted, shown
from prefactor.tracking.outage import StoreGone

LOCK = ".publish.lock"
KEY = int.from_bytes(b"prefacto")  # of the advisory lock in PostgreSQL: a number that others are unlikely to take


@contextmanager
def turn(folder: Path, tracking_uri: str) -> Iterator[None]:
    """Wait for the turn and have it for as long as the block lasts; it ends with its holder, however that ends.

    Of any other store it is the turn of this checkout. Raises StoreGone if PostgreSQL does not answer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with _turn_everywhere(tracking_uri) if is_postgres(tracking_uri) else nullcontext():
            yield


@contextmanager
def _turn_everywhere(tracking_uri: str) -> Iterator[None]:
    """A lock of the database's own: it lives as long as the connection that asked for it."""
    from sqlalchemy import NullPool, create_engine, func, select
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(tracking_uri, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        connection = engine.connect()
        connection.execute(select(func.pg_advisory_lock(KEY)))
    except ModuleNotFoundError as error:
        raise InputError(f"{shown(tracking_uri)} needs {error.name}: pip install 'prefactor[scale]'") from error
    except SQLAlchemyError as error:
        why = redacted(str(error).partition("\n")[0])
        raise StoreGone(f"the MLflow store {shown(tracking_uri)} does not answer: {why}") from error
    with connection:
        yield
