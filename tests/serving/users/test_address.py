"""Where a store is, as people write it."""

from pathlib import Path

import pytest

from prefactor.errors import InputError
from prefactor.serving.users.address import store_url


@pytest.mark.parametrize("text", ["here/users.db", "sqlite:///here/users.db", "sqlite+pysqlite:///here/users.db"])
def test_a_file_by_path_or_url(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = store_url(text)
    assert (url.drivername, url.database) == ("sqlite", str(tmp_path / "here/users.db"))


def test_an_absolute_path_and_a_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store_url("sqlite:////a/users.db").database == "/a/users.db"
    assert Path(store_url("~/users.db").database) == tmp_path / "users.db"


@pytest.mark.parametrize("kind", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgresql_database(kind):
    url = store_url(f"{kind}://me:secret@host:5433/users?sslmode=require")
    assert url.drivername == "postgresql+psycopg"
    assert (url.password, url.database, url.query["sslmode"]) == ("secret", "users", "require")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "needs a file"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:///users.db?mode=memory", "more than a path"),
        ("sqlite://here/users.db", "more than a path"),
        ("mysql://me:secret@host/users", "kind 'mysql'"),
        ("postgresql+asyncpg://me:secret@host/users", r"kind 'postgresql\+asyncpg'"),
        ("postgresql://me:secret@host", "names no database"),
        ("postgresql://me@host?password=secret", "names no database"),
        ("postgresql://me:secret@host:port/users", "no URL"),
        ("://secret", "no URL"),
    ],
)
def test_anything_else_is_refused_with_an_example_and_without_a_password(text, fault):
    with pytest.raises(InputError, match=fault) as refusal:
        store_url(text)
    assert "sqlite:///users.db" in str(refusal.value)
    assert "secret" not in str(refusal.value)
