"""Stores for the tests of this room: in SQLite, and in PostgreSQL where one is installed."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from prefactor.serving.users.store import UserStore
from tests.postgres import Postgres, postgres

NUMBERS = count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL server; the test is skipped where there is none."""
    with postgres(tmp_path_factory.mktemp("postgres")) as running:
        yield running


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a store that is yet to be begun, in a database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'users.db'}"
    return str(request.getfixturevalue("server").database(f"users{next(NUMBERS)}"))


@pytest.fixture
def store(url: str) -> Iterator[UserStore]:
    """An empty store."""
    opened = UserStore.open(url)
    yield opened
    opened.close()
