"""A store is opened, or begun, or refused with what is wrong; all that was there before stays."""

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from prefactor.errors import InputError
from prefactor.serving.users.faults import StoreUnavailableError
from prefactor.serving.users.store import UserStore
from prefactor.serving.users.tables import METADATA, STORE
from tests.serving.users.world import check_whole, make_people, pairs


def execute(url: str, *statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


def test_a_store_of_another_version_is_refused(url):
    UserStore.open(url).close()
    execute(url, "UPDATE store SET version = 99")
    with pytest.raises(InputError, match="has version 99, this program reads version 1: use the program that wrote it"):
        UserStore.open(url)


@pytest.mark.parametrize("statement", ["CREATE TABLE users (name TEXT)", "CREATE TABLE store (version INTEGER)"])
def test_a_database_of_something_else_is_refused_and_left_as_it_is(url, statement):
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).touch()
    execute(url, statement)
    with pytest.raises(InputError, match="holds something else than a user store"):
        UserStore.open(url)
    engine = sa.create_engine(url)
    assert len(sa.inspect(engine).get_table_names()) == 1
    engine.dispose()


def test_where_none_was_begun_none_is_made_unless_it_may_be(url):
    with pytest.raises(InputError, match=r"cannot be opened|holds no user store: name one that `prefactor serve` has"):
        UserStore.open(url, begin=False)
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        assert not path.exists()
        path.touch()
        with pytest.raises(InputError, match="holds no user store"):
            UserStore.open(url, begin=False)
        assert path.stat().st_size == 0
    UserStore.open(url).close()
    UserStore.open(url, begin=False).close()


def test_many_may_begin_a_store_at_once(url):
    opened: list[UserStore] = []
    threads = [threading.Thread(target=lambda: opened.append(UserStore.open(url))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 8
    assert len({store._salt for store in opened}) == 1
    for store in opened:
        store.close()


def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("nothing that SQLite wrote")
    with pytest.raises(InputError, match=r"notes\.txt is no SQLite file: give the user store a file of its own"):
        UserStore.open(str(path))
    assert path.read_text() == "nothing that SQLite wrote"
    assert [item.name for item in tmp_path.iterdir()] == ["notes.txt"]


def test_a_place_where_no_file_can_be_is_refused(tmp_path):
    for place in (tmp_path, tmp_path / "not there" / "users.db"):
        with pytest.raises(InputError, match=r"cannot be opened .*give a file you may write to"):
            UserStore.open(str(place))


def test_a_file_is_its_owners_alone_and_durable_at_every_commit(tmp_path):
    path = tmp_path / "users.db"
    store = UserStore.open(str(path))
    people = make_people(store)
    people.observe("zoe", pairs(1))
    assert {stat.S_IMODE(path.with_name(f"users.db{end}").stat().st_mode) for end in ("", "-wal", "-shm")} == {0o600}
    found = {name: store._database._outside(f"PRAGMA {name}")[0] for name in ("journal_mode", "synchronous")}
    assert found == {"journal_mode": "wal", "synchronous": 2}
    store.close()


def test_a_file_that_is_taken_away_or_replaced_is_not_written_to_unseen(tmp_path):
    path, away = tmp_path / "users.db", tmp_path / "away.db"
    store = UserStore.open(str(path))
    people = make_people(store)
    people.observe("zoe", pairs(1))
    store.close()  # the log goes into the file
    people.observe("zoe", pairs(2))
    store._database._outside("PRAGMA wal_checkpoint(TRUNCATE)")
    path.rename(away)
    for _ in range(3):
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            people.observe("zoe", pairs(3))
        with pytest.raises(StoreUnavailableError, match="does not answer"):
            people.state("zoe")
    assert not path.exists()
    away.rename(path)
    people.observe("zoe", pairs(3))
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(away)) as backup:
        source.backup(backup)
    people.observe("zoe", pairs(4))
    for end in ("-wal", "-shm"):
        path.with_name(f"users.db{end}").unlink()
    away.replace(path)  # restored from a backup: what came after that is gone, and what comes now is kept there
    people.observe("zoe", pairs(5))
    assert check_whole(f"sqlite:///{path}", store, people) == 4
    store.close()


def test_tables_are_all_made_or_none(tmp_path, monkeypatch):
    path = tmp_path / "users.db"
    monkeypatch.setattr(STORE.c.salt, "nullable", True)
    monkeypatch.setattr("prefactor.serving.users.database.SALT_BYTES", None)
    monkeypatch.setattr("secrets.token_bytes", lambda size: (_ for _ in ()).throw(OSError("no randomness")))
    with pytest.raises(OSError, match="no randomness"):
        UserStore.open(str(path))
    engine = sa.create_engine(f"sqlite:///{path}")
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()
    monkeypatch.undo()
    UserStore.open(str(path)).close()
    engine = sa.create_engine(f"sqlite:///{path}")
    assert set(sa.inspect(engine).get_table_names()) == set(METADATA.tables)
    engine.dispose()
