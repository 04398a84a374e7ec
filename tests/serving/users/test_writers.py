"""Many writers at once, in threads and processes, of which some are killed: every pair that was taken is there once."""

import os
import random
import signal
import threading

import pytest
import torch

from prefactor.serving.users.people import People
from prefactor.serving.users.store import UserStore
from tests.serving.users.world import check_whole, make_people, stored
from tests.serving.users.writers import PATIENCE_SECONDS, SHARED, Writers, user_of, write, writers


def kill(running: Writers, name: str) -> None:
    os.kill(running.pids[name], signal.SIGKILL)


def threads_write(people, names, count) -> list[tuple[str, int]]:
    """A thread each writes so many pairs of its own; returns them, all of which the store has taken."""
    done: list[tuple[str, int]] = []

    def run(name: str) -> None:
        for number in range(1, count + 1):
            assert write(people, name, number)
            done.append((name, number))

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


def check_writers(url: str, taken: list[tuple[str, int]], names: list[str]) -> None:
    """Each pair that was taken is there once, beside it one a writer at most of which nobody was told."""
    store = UserStore.open(url)
    people, newer = make_people(store), make_people(store, seed=2, label="prefactor-tiny/2")
    users = [*SHARED, *(f"own-{name}" for name in names)]
    keys = [key for rows in stored(url).values() for _, key, _ in rows]
    assert len(keys) == len(set(keys))
    wanted = {store._digest(user_of(name, number), f"{name} {number}") for name, number in taken}
    assert wanted <= set(keys)
    assert len(keys) <= len(wanted) + len(names)
    assert check_whole(url, store, people, users) == len(keys)
    check_bits(url, store, people, users)
    again = [(name, number) for name, number in taken if write(people, name, number)]
    assert again == []  # under its key, what was taken is not taken twice
    newer.reencode()
    assert check_whole(url, store, newer, users) == len(keys)
    store.close()


def check_bits(url: str, store: UserStore, people: People, users: list[str]) -> None:
    """States are those of the method's own updates in the order in which pairs lie, whoever wrote them."""
    rows = stored(url)
    for user_id, user in store.states(users, people.posteriors).items():
        kept = people.posteriors.start([None])
        for _, _, pair in rows[store._digest(user_id)]:
            kept = people.posteriors.moved(kept, people.posteriors.read([[pair]]))
        assert all(torch.equal(user.kept[name], kept[name]) for name in kept)


def test_a_killed_process_among_others_loses_and_doubles_nothing(url):
    store = UserStore.open(url, PATIENCE_SECONDS)
    people = make_people(store)
    with writers(url, ["first", "second", "reencode"]) as running:
        mine = threads_write(people, ["a", "b", "c"], 5)
        running.until("first", 4)
        kill(running, "first")
        running.until("second", 8)
        running.until("reencode", 2)
        kill(running, "second")
    store.close()
    check_writers(url, [*mine, *running.acknowledged()], ["a", "b", "c", "first", "second"])


@pytest.mark.system
@pytest.mark.parametrize("seed", range(2))
def test_many_writers_and_kills_at_random_points(url, seed):
    draw = random.Random(seed)
    store = UserStore.open(url, PATIENCE_SECONDS)
    people = make_people(store)
    taken: list[tuple[str, int]] = []
    names = [f"process-{number}" for number in range(6)]
    here = [f"thread-{number}" for number in range(8)]
    with writers(url, [*names, "reencode-0", "reencode-1"]) as running:
        for name in draw.sample(names, 4):
            running.until(name, draw.randrange(2, 60))
            kill(running, name)
        for name in ("reencode-0", "reencode-1"):
            running.until(name, 1)
        kill(running, "reencode-0")
        taken += threads_write(people, here, 40)
    store.close()
    check_writers(url, [*taken, *running.acknowledged()], [*names, *here])
