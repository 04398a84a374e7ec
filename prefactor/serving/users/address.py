"""Where a user store is: a file's path or a database's URL, as somebody wrote it."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from prefactor.errors import InputError

EXAMPLES = "sqlite:///users.db, or postgresql+psycopg://user@host/database"
SQLITE, POSTGRESQL = "sqlite", "postgresql+psycopg"


def store_url(text: str) -> URL:
    """The URL of a store: of a SQLite file by an absolute path, or of a PostgreSQL database.

    A text without ``://`` is the path of a SQLite file. Raises InputError for anything else, without its password.
    """
    if "://" not in text:
        return _of_file(text)
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # its message quotes the text, password and all
        raise InputError(f"the user store's address is no URL of a database: give {EXAMPLES}") from None
    if url.drivername in (SQLITE, f"{SQLITE}+pysqlite"):
        return _of_sqlite(url)
    if url.drivername in ("postgres", "postgresql", POSTGRESQL):
        return _of_postgresql(url)
    raise InputError(f"the user store cannot be a database of kind {url.drivername!r}: give {EXAMPLES}")


def _of_sqlite(url: URL) -> URL:
    if url.query or url.host:
        raise InputError(
            "the user store's address has more than a path: give sqlite:///users.db or sqlite:////a/users.db"
        )
    return _of_file(url.database or "")


def _of_file(path: str) -> URL:
    if not path.strip() or path == ":memory:" or path.startswith("file:") or "\0" in path:
        raise InputError(f"the user store needs a file, got {path!r}: give {EXAMPLES}")
    return URL.create(SQLITE, database=str(Path(path).expanduser().absolute()))


def _of_postgresql(url: URL) -> URL:
    if not url.database:
        raise InputError(f"the user store's address names no database: give {EXAMPLES}")
    return url.set(drivername=POSTGRESQL)
