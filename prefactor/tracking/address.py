"""Addresses of MLflow stores: a file of SQLite, a database in PostgreSQL, or a server."""

import re
from pathlib import Path

SQLITE, POSTGRES = "sqlite:///", "postgresql"
HIDDEN = "***"
# Up to the last @: not everybody writes the signs in a password as %40 and the like.
_BEFORE_HOST = re.compile(r"(?<=://)(?P<user>[^:/?#@]*)(?P<password>:.*)?@")
_IN_QUERY = re.compile(r"(?<=[?&])((?:ssl)?password=)[^&#\s]*", re.IGNORECASE)
_BEFORE_ANY_HOST = re.compile(r"""[^\s'"(]*@""")


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
    """The address as people and logs may read it: without passwords.

    A server's goes without the user too, whose name may be a token.
    """

    def hidden(found: re.Match[str]) -> str:
        if is_server(uri):
            return ""
        return f"{found['user']}:{HIDDEN}@" if found["password"] else found[0]

    return _BEFORE_HOST.sub(hidden, _IN_QUERY.sub(rf"\1{HIDDEN}", uri))


def redacted(words: str) -> str:
    """What a library said of an address that failed, which it may quote in part: without whatever is before an @."""
    return _BEFORE_ANY_HOST.sub(f"{HIDDEN}@", _IN_QUERY.sub(rf"\1{HIDDEN}", words))


def run_page(server: str, experiment_id: str, run_id: str) -> str:
    """Where an MLflow server shows a run, as a link that anybody may read."""
    return f"{shown(server).rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"
