"""A user store in a PostgreSQL database: writers of one user take turns, all others go on side by side."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL

from prefactor.errors import InputError
from prefactor.serving.users.database import Database

FOUNDING, REENCODING = 7_120_318_001, 7_120_318_002  # our locks' numbers: those of other programs differ


class PostgreSQL(Database):
    """A database of its own on a server that one or more machines reach."""

    READING: ClassVar = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    insert = staticmethod(postgresql.insert)
    # A writer that has waited for a row reads it as the last one left it.
    WRITING: ClassVar = {"isolation_level": "READ COMMITTED"}

    def __init__(self, url: URL, patience: float) -> None:
        """``patience`` seconds: how long to wait for an answer, a row's lock, and a free connection."""
        settings: dict[str, int | str] = {"connect_timeout": max(int(patience), 2)}
        if "options" not in url.query:
            settings["options"] = f"-c lock_timeout={round(1000 * patience)}"
        try:
            engine = sa.create_engine(
                url,
                connect_args=settings,
                hide_parameters=True,
                pool_pre_ping=True,  # after the server was away
                pool_size=10,
                max_overflow=30,
                pool_timeout=patience,
            )
        except ModuleNotFoundError as error:
            raise InputError(f"a user store in PostgreSQL needs {error.name}: pip install 'prefactor[serve]'") from None
        super().__init__(engine, f"postgresql://{url.host or ''}/{url.database}")

    def found(self, begin: bool = True) -> bytes:
        with self.reading() as connection:
            encoding = connection.scalar(sa.text("SHOW server_encoding"))
        if encoding != "UTF8":
            raise InputError(f"{self.name} stores texts as {encoding}: create the database with ENCODING 'UTF8'")
        return super().found(begin)

    def alone(self, connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(FOUNDING)))

    def erase(self) -> None:
        """Deleted rows are the server's to clean up: its vacuum reuses their place, and its backups are not ours."""

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        with self.told(), self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(sa.text("SET lock_timeout = 0"))
            connection.execute(sa.select(sa.func.pg_advisory_lock(REENCODING)))
            try:
                yield
            finally:
                connection.invalidate()  # the lock ends with the session
