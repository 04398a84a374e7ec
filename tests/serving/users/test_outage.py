"""A store that is gone for a while: calls fail in words, nothing is half-written, and afterwards it goes on."""

import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from prefactor.errors import InputError
from prefactor.serving.users.faults import StoreUnavailableError
from prefactor.serving.users.store import UserStore
from tests.postgres import Postgres
from tests.serving.users.world import check_whole, make_people, pairs, stored

PATIENCE = 0.2


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "users.db"


@contextmanager
def people_of(address: str) -> Iterator:
    store = UserStore.open(address, patience=PATIENCE)
    yield make_people(store)
    store.close()


def check_refused(*calls) -> None:
    """Each call is refused in words that hold nothing of the user's."""
    for call in calls:
        with pytest.raises(StoreUnavailableError, match=r"does not answer .*repeat the call") as refusal:
            call()
        assert isinstance(refusal.value, InputError)
        assert refusal.value.__suppress_context__ or refusal.value.__context__ is None
        assert not any(word in str(refusal.value) for word in ("zoe", "good", "bad"))


def test_while_another_writes_readers_go_on_and_writers_are_told_to_come_again(path):
    with people_of(str(path)) as people, closing(sqlite3.connect(path)) as other:
        people.observe("zoe", pairs(1), key="first")
        other.execute("BEGIN IMMEDIATE")
        check_refused(
            lambda: people.observe("zoe", pairs(2), key="second"),
            lambda: people.observe("yan", pairs(2)),
            lambda: people.forget("zoe"),
            lambda: people.reencode(),
        )
        assert people.state("zoe")[0]["count"].item() == 1
        other.rollback()
        assert people.observe("zoe", pairs(2), key="second")["count"].item() == 2
        assert check_whole(f"sqlite:///{path}", people.store, people) == 2


def test_a_thread_that_writes_for_too_long_does_not_hold_up_the_others_for_ever(path):
    with people_of(str(path)) as people:
        with people.store._database.writing():
            # A refusal that does not come is an error in the thread, which fails the test.
            thread = threading.Thread(target=check_refused, args=[lambda: people.observe("zoe", pairs(1))])
            thread.start()
            thread.join()
        people.observe("zoe", pairs(1))


def test_a_file_that_nobody_else_may_read_for_a_while(path):
    with people_of(str(path)) as people:
        people.observe("zoe", pairs(1))
        people.store.close()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            check_refused(lambda: people.state("zoe"), lambda: people.observe("zoe", pairs(2)))
            assert people.state(None)[0]["count"].item() == 0  # who names nobody needs no store
        assert people.observe("zoe", pairs(2))["count"].item() == 2


def test_a_full_disk_leaves_what_was_there_and_writing_goes_on_when_there_is_room(path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with people_of(str(path)) as people:
        for number in range(10):
            people.observe("zoe", pairs(number), key=str(number))
        log = path.with_name("users.db-wal")
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 2_000, hard))
        try:
            check_refused(lambda: people.observe("zoe", pairs(10), key="10"), lambda: people.observe("yan", pairs(1)))
            assert people.state("zoe")[0]["count"].item() == 10
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        people.observe("zoe", pairs(10), key="10")
        assert check_whole(f"sqlite:///{path}", people.store, people) == 11


def test_a_damaged_file_is_named(path):
    with people_of(str(path)) as people:
        for number in range(10):
            people.observe("zoe", pairs(number))
        people.store._database.erase()
        with path.open("r+b") as file:
            file.seek(1024)
            file.write(b"\xff" * 40_000)
        people.store.close()
        check_refused(lambda: people.state("zoe"), lambda: people.observe("zoe", pairs(11)))


@pytest.mark.system
def test_a_server_that_is_stopped_and_started(server: Postgres):
    url = server.database("outage")
    with people_of(url) as people:
        people.observe("zoe", pairs(1), key="first")
        server.stop()
        check_refused(
            lambda: people.state("zoe"), lambda: people.observe("zoe", pairs(2), key="second"), people.reencode
        )
        with pytest.raises(StoreUnavailableError) as refusal:
            UserStore.open(url, patience=PATIENCE)
        assert server.password not in str(refusal.value)
        assert people.state(None)[0]["count"].item() == 0
        server.start()
        assert people.observe("zoe", pairs(2), key="second")["count"].item() == 2
        assert check_whole(url, people.store, people) == 2


@pytest.mark.system
def test_a_server_that_is_restarted_under_writers_loses_and_doubles_nothing(server: Postgres):
    url = server.database("restarts")
    with people_of(url) as people:
        told, stop = [], threading.Event()

        def write(name: str) -> None:
            number = 0
            while not stop.is_set():
                try:
                    people.observe("zoe", pairs(1000 * ord(name) + number), key=f"{name} {number}")
                except StoreUnavailableError as refusal:
                    told.append(refusal)
                else:
                    number += 1  # else again, under the same key
            done[name] = number

        done: dict[str, int] = {}
        threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for _ in range(3):
            before = len(told)
            server.stop()
            while len(told) < before + 4:
                stop.wait(0.01)
            server.start()
            stop.wait(0.5)
        stop.set()
        for thread in threads:
            thread.join()
        assert check_whole(url, people.store, people) == sum(done.values()) > 0
        assert len({key for _, key, _ in next(iter(stored(url).values()))}) == sum(done.values())


@pytest.mark.system
def test_a_writer_that_is_stuck_holds_up_its_own_user_alone(server: Postgres):
    with people_of(server.database("stuck")) as people:
        people.observe("zoe", pairs(1))
        with people.store._writing() as rows:
            rows.locked(people.store._digest("zoe"))
            check_refused(lambda: people.observe("zoe", pairs(2)))
            people.observe("yan", pairs(2))
            assert people.state("zoe")[0]["count"].item() == 1
        assert people.observe("zoe", pairs(2))["count"].item() == 2
