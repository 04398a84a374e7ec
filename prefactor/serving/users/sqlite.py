"""A user store in a SQLite file: readers beside one writer, durable at every commit, nothing left of deleted rows."""

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects import sqlite

from prefactor.errors import InputError
from prefactor.serving.users.database import Database

PAGE_BYTES = 1024
MAGIC = b"SQLite format 3\0"
BUSY_SECONDS = 0.05
SETTINGS = (f"PRAGMA page_size = {PAGE_BYTES}", "PRAGMA synchronous = FULL", "PRAGMA secure_delete = ON")


class SQLite(Database):
    """One file, and beside it SQLite's own and a lock. Several processes of one machine may use it at once."""

    # A writer takes its turn at once: one that has read before could not be let in without losing what it read.
    READING: ClassVar = {"begin": "BEGIN"}
    WRITING: ClassVar = {"begin": "BEGIN IMMEDIATE"}
    # secure_delete overwrites what is deleted, but not the copies that moving a row within the tree leaves on pages. A
    # page holds less than its size of a row; what follows is on pages of its own, which do not move.
    PADDING = bytes(PAGE_BYTES)
    insert = staticmethod(sqlite.insert)

    def __init__(self, path: Path, patience: float, begin: bool = True) -> None:
        """Open the file, or make it to ``begin`` a store; wait up to ``patience`` seconds for others, here and later.

        Raises InputError if that cannot be or the file is another's.
        """
        if begin:
            _make(path)
        _check(path)
        self._path, self._patience = path, patience
        self._writer_here = threading.Lock()
        options: dict[str, Any] = {"pool_size": 10, "max_overflow": 30, "pool_timeout": patience}
        engine = sa.create_engine(
            "sqlite://", creator=self._connect, poolclass=sa.QueuePool, hide_parameters=True, **options
        )
        event.listen(engine, "begin", _begin)
        event.listen(engine, "checkout", self._check_out)
        super().__init__(engine, str(path))

    def found(self, begin: bool = True) -> bytes:
        salt = super().found(begin)
        with self.told():
            self._write_ahead()
        return salt

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        with self._turn(), super().writing() as connection:
            yield connection

    def alone(self, connection: sa.Connection) -> None:
        """Every writer is."""

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        with self._path.with_name(f"{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def erase(self) -> None:
        """Empty the write-ahead log, which holds pages as they were; what was deleted from the file is overwritten."""
        with self._turn(), self.told():
            busy, *_ = self._outside("PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            raise self._unavailable("rows are deleted, but another reader keeps them in the write-ahead log")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Threads of this process queue up; SQLite would let each try again and again."""
        if not self._writer_here.acquire(timeout=self._patience):
            raise self._unavailable("others have been writing for too long")
        try:
            yield
        finally:
            self._writer_here.release()

    def _connect(self) -> sqlite3.Connection:
        """A connection to the file that is there: one that was taken away is not made anew, and empty."""
        uri = f"{self._path.as_uri()}?mode=rw"
        connection = sqlite3.connect(
            uri, uri=True, timeout=self._patience, isolation_level=None, check_same_thread=False
        )
        for setting in SETTINGS:
            connection.execute(setting)
        return connection

    def _check_out(self, connection: Any, record: Any, proxy: Any) -> None:
        """A connection to a file that has been replaced or taken away would write where nobody reads."""
        identity = None
        with suppress(OSError):
            status = self._path.stat()
            identity = (status.st_dev, status.st_ino)
        if record.info.setdefault("file", identity) != identity:
            raise exc.DisconnectionError

    def _write_ahead(self) -> None:
        """The mode stays with the file. SQLite does not wait for others to switch it."""
        deadline = time.monotonic() + self._patience
        while True:
            try:
                self._outside("PRAGMA journal_mode = WAL")
                return
            except exc.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(BUSY_SECONDS)

    def _outside(self, pragma: str) -> tuple[Any, ...]:
        """The row that a pragma gives which must not run within a transaction."""
        with self._engine.connect() as connection:
            return tuple(connection.exec_driver_sql(pragma).one())


def _begin(connection: sa.Connection) -> None:
    if statement := connection.get_execution_options().get("begin"):
        connection.exec_driver_sql(statement)


def _make(path: Path) -> None:
    """Make the file if there is none: readable by its owner alone, for it will hold people's texts."""
    with _opening(path), suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _check(path: Path) -> None:
    """See that the file is SQLite's, or empty."""
    with _opening(path), path.open("r+b") as file:
        start = file.read(len(MAGIC))
    if start and start != MAGIC:
        raise InputError(f"{path} is no SQLite file: give the user store a file of its own")


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"the user store {path} cannot be opened ({error.strerror}): give a file you may write to"
        ) from None
