"""A database of either kind: transactions that read or write, and what it means when it does not answer."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy import exc

from prefactor.errors import InputError
from prefactor.serving.users.faults import StoreUnavailableError
from prefactor.serving.users.tables import METADATA, STORE, VERSION

SALT_BYTES = 16


class Database(ABC):
    """Connections of many threads to one database. What differs between the kinds is in the subclasses."""

    READING: ClassVar[dict[str, Any]]
    WRITING: ClassVar[dict[str, Any]]
    PADDING: ClassVar[bytes | None] = None  # comes before what must not outlive its row
    insert: ClassVar[Any]  # makes an insertion that may say what to do where the row is there already

    def __init__(self, engine: sa.Engine, name: str) -> None:
        """``name`` is shown in errors: it holds no password."""
        self.name = name
        self._engine = engine
        self._reader = engine.execution_options(**self.READING)
        self._writer = engine.execution_options(**self.WRITING)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees the database as it was at one moment."""
        with self.told(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that is kept whole, or not at all after an error."""
        with self.told(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def told(self) -> Iterator[None]:
        """Errors of the driver as StoreUnavailableError. Details of a row, which some carry, are left out."""
        try:
            yield
        except exc.DBAPIError as error:
            shown = isinstance(error, exc.OperationalError) or type(error) is exc.DatabaseError
            raise self._unavailable(str(error.orig) if shown else type(error.orig).__name__) from None
        except (exc.TimeoutError, exc.DisconnectionError, exc.InvalidRequestError) as error:  # of the pool
            raise self._unavailable(type(error).__name__) from None

    def found(self, begin: bool = True) -> bytes:
        """The salt of the store, whose tables are made if there are none; unless ``begin`` that is an InputError too.

        InputError for a database of something else.
        """
        with self.writing() as connection:
            self.alone(connection)
            if not sa.inspect(connection).get_table_names():
                if not begin:
                    raise InputError(f"{self.name} holds no user store: name one that `prefactor serve` has begun")
                METADATA.create_all(connection)
                row = {"version": VERSION, "salt": secrets.token_bytes(SALT_BYTES), "label": "", "previous": ""}
                connection.execute(sa.insert(STORE).values(row))
            self._check(connection)
            return connection.execute(sa.select(STORE.c.salt)).scalar_one()

    @classmethod
    @cache
    def new(cls, table: sa.Table) -> Any:
        """An insertion that leaves a row as it is that is there already."""
        return cls.insert(table).on_conflict_do_nothing()

    @classmethod
    @cache
    def newer(cls, table: sa.Table, by: str, *others: str) -> Any:
        """An insertion that takes the place of a row whose column ``by`` is not larger."""
        insertion = cls.insert(table)
        values = {name: insertion.excluded[name] for name in (by, *others)}
        older = table.c[by] <= insertion.excluded[by]
        return insertion.on_conflict_do_update(index_elements=list(table.primary_key), set_=values, where=older)

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    @abstractmethod
    def alone(self, connection: sa.Connection) -> None:
        """Make a writing transaction wait for all others that call this."""

    @abstractmethod
    def one_at_a_time(self) -> AbstractContextManager[None]:
        """One process at a time is in this block, which may be long; a killed one is in it no more."""

    @abstractmethod
    def erase(self) -> None:
        """Leave nothing of deleted rows, as far as it is ours to do."""

    def _check(self, connection: sa.Connection) -> None:
        """Refuse a database of something else, and a store of another version."""
        found = sa.inspect(connection)
        columns = {column["name"] for column in found.get_columns("store")} if found.has_table("store") else set()
        if not {"version", "salt"} <= columns:
            raise InputError(f"{self.name} holds something else than a user store: give the store a place of its own")
        version = connection.execute(sa.select(STORE.c.version)).scalar_one()
        if version != VERSION:
            raise InputError(
                f"the user store {self.name} has version {version}, this program reads version {VERSION}: "
                "use the program that wrote it, or begin another store"
            )

    def _unavailable(self, reason: str) -> StoreUnavailableError:
        first = reason.strip().splitlines()[0] if reason.strip() else "no reason given"
        return StoreUnavailableError(
            f"the user store {self.name} does not answer ({first}): "
            "see that it runs and can be reached, then repeat the call"
        )
