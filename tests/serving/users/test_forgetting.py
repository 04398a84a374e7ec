"""Nothing of a forgotten user's texts stays in SQLite's files."""

import random
import threading
from pathlib import Path

import pytest

from prefactor.serving.requests import ReferencePair
from prefactor.serving.users.faults import StoreUnavailableError
from prefactor.serving.users.store import UserStore
from tests.serving.users.world import check_whole, make_people, pairs, stored


def secret(user: int, number: int, length: int) -> ReferencePair:
    mark = f"secret-{user:03d}-"
    return ReferencePair(prompt=mark + "p" * length, chosen=f"{mark}c{number}" * 3, rejected=mark + "r" * (length // 7))


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_no_bytes_of_forgotten_texts_ids_and_keys_are_left(tmp_path):
    draw = random.Random(0)
    store = UserStore.open(str(tmp_path / "users.db"))
    people = make_people(store)
    names = [f"user-{user:03d}" for user in range(16)]
    for turn in range(4):  # pages are split and filled again in between
        for user in draw.sample(range(16), 10):
            length = draw.choice([5, 300, 3_000, 20_000])
            pairs = [secret(user, number, length) for number in range(draw.choice([1, 3, 12]))]
            store.observe(names[user], pairs, people.posteriors, key=f"key-{user:03d}-{turn}")
        gone = draw.sample(range(16), 3)
        for user in gone:
            store.forget(names[user])
        left = bytes_of(tmp_path)
        for user in gone:
            assert not any(f"{what}-{user:03d}".encode() in left for what in ("secret", "user", "key"))
    assert b"secret-" in left
    check_whole(f"sqlite:///{tmp_path / 'users.db'}", store, people, names)
    store.close()


def test_a_reader_who_keeps_deleted_rows_alive_is_named_and_the_call_can_be_repeated(tmp_path):
    store = UserStore.open(str(tmp_path / "users.db"), patience=0.1)
    people = make_people(store)
    store.observe("user-001", [secret(1, 1, 300)], people.posteriors)
    with store._database.reading() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM pairs").one()
        with pytest.raises(StoreUnavailableError, match="rows are deleted, but another reader keeps them"):
            store.forget("user-001")
        assert store.forgotten("user-001")
    assert not store.forget("user-001")
    assert b"secret-001" not in bytes_of(tmp_path)
    store.close()


def test_forgetting_while_others_observe_leaves_only_what_came_after(url, store):
    people = make_people(store)
    went_on, stop = threading.Event(), threading.Event()

    def observe() -> None:
        number = 0
        while not stop.is_set():
            store.observe("ada", pairs(number), people.posteriors)
            number += 1
            if number % 3 == 0:
                went_on.set()

    threads = [threading.Thread(target=observe) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        went_on.clear()
        assert went_on.wait(20)
        store.forget("ada")
    stop.set()
    for thread in threads:
        thread.join()
    rows = stored(url).get(store._digest("ada"), [])
    assert [number for number, _, _ in rows] == list(range(1, len(rows) + 1))
    for user in store.states(["ada"], people.posteriors).values():
        assert user.kept["count"].item() == len(rows)  # from the prior, not from what the training data knew
