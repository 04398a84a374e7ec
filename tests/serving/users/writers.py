"""Processes that write to one store at once, to be killed by a test.

    python -m tests.serving.users.writers ADDRESS NAME...

Each name is a process of its own until it is ended: ``reencode`` makes the states of a second model, any other
observes, and says so of every pair that the store has taken. A line is ``name pid number``; 0 says that it began.
"""

import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prefactor.serving.users import store as module
from prefactor.serving.users.people import People
from prefactor.serving.users.store import UserStore
from tests.serving.users.world import make_people, pairs

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 300.0  # for each other: how slow a busy machine is, is not what is tested
SHARED = [f"shared-{number}" for number in range(3)]


def user_of(name: str, number: int) -> str:
    """Who a writer's pair is of: one of those whom all write of, or one whom nobody else knows."""
    return [*SHARED, f"own-{name}"][random.Random(f"{name} {number}").randrange(4)]


def write(people: People, name: str, number: int) -> bool:
    """Observe one pair, which no other writer has, under a key. Whether it was new."""
    pair = pairs(10_000 * (1 + sum(name.encode()) % 97) + number)
    return people.store.observe(user_of(name, number), pair, people.posteriors, key=f"{name} {number}")


def _work(address: str, name: str) -> None:
    store = UserStore.open(address, PATIENCE_SECONDS)
    _say(name, 0)
    if name.startswith("reencode"):
        module.PAIRS_AT_ONCE = 4
        newer = make_people(store, seed=2, label="prefactor-tiny/2")
        while True:
            newer.reencode(lambda users: _say(name, users))
            time.sleep(0.01)
    people, number = make_people(store), 1
    while True:
        write(people, name, number)
        _say(name, number)
        number += 1


def _say(name: str, number: int) -> None:
    os.write(1, f"{name} {os.getpid()} {number}\n".encode())


@dataclass
class Writers:
    """Running writers: what each has said so far, and their process ids."""

    lines: Iterator[str]
    said: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    pids: dict[str, int] = field(default_factory=dict)

    def read(self) -> bool:
        """Take up one line; False at the end of all."""
        line = next(self.lines, None)
        if line is not None:
            name, pid, number = line.split()
            self.pids[name] = int(pid)
            self.said[name].append(int(number))
        return line is not None

    def until(self, name: str, lines: int) -> None:
        """Wait until a writer has said so many things."""
        while len(self.said[name]) < lines:
            assert self.read(), f"all writers ended: {dict(self.said)}"

    def acknowledged(self) -> Iterator[tuple[str, int]]:
        """Names and numbers of all pairs that the store has taken."""
        for name, numbers in self.said.items():
            if not name.startswith("reencode"):
                yield from ((name, number) for number in numbers if number)


@contextmanager
def writers(address: str, names: Sequence[str]) -> Iterator[Writers]:
    """Writers in processes of their own, ended with the block; after it all that they said is known."""
    command = [sys.executable, "-m", "tests.serving.users.writers", address, *names]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        running = Writers(iter(process.stdout))
        try:
            yield running
        finally:
            process.terminate()
            while running.read():
                pass


def main(address: str, names: Sequence[str]) -> None:
    """Import once, then a process for each; those that are left end with this one."""
    children = []
    for name in names:
        if pid := os.fork():
            children.append(pid)
        else:
            _end_with_parent()
            _work(address, name)
            os._exit(0)
    for _ in children:
        os.wait()


def _end_with_parent() -> None:
    """Linux ends the process with the one that made it."""
    import ctypes
    import signal

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
