"""Addresses of MLflow stores: a file of SQLite, a database in PostgreSQL, or a server."""

import re
from pathlib import Path

SQLITE, POSTGRES = "sqlite:///", "postgresql"
_PASSWORD = re.compile(r"(?<=://)([^:/@]*):[^/]*@")


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite store; None for any other."""
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def is_postgres(uri: str) -> bool:
    """Does the address name a database in PostgreSQL."""
    return uri.partition("://")[0].partition("+")[0] == POSTGRES


def is_server(uri: str) -> bool:
    """Does the address name an MLflow server."""
    return uri.startswith(("http://", "https://"))


def shown(uri: str) -> str:
    """The address as people and logs may read it: without its password."""
    return _PASSWORD.sub(r"\1:***@", uri)
