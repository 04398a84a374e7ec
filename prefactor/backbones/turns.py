"""Whose turn it is at a cache: one plans what it lacks, then many may write shards, until the next one plans.

Two who plan at once would give one name to different shards. And a process that a killed run left behind might write
its shard when another run has long given the name away; so who plans leaves a token, and who writes must show the last.
The lock lies beside the cache. The operating system frees it when its holder ends.
"""

import fcntl
import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from prefactor.errors import InputError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Turn:
    """Alone at the cache until it is ``shared``; ``token`` lets others write."""

    token: str
    _lock: IO[str]

    def share(self) -> None:
        """Planned: who has the token may write now, and nobody else plans until all have ended."""
        fcntl.flock(self._lock, fcntl.LOCK_SH)


@contextmanager
def planning(folder: Path) -> Iterator[Turn]:
    """Wait until nobody plans for or writes into the cache in ``folder``, then be alone there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock_of(folder).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning("embed: waiting for another process, which writes into %s", folder)
            fcntl.flock(lock, fcntl.LOCK_EX)
        token = secrets.token_hex(8)
        lock.seek(0)
        lock.truncate()
        lock.write(token)
        lock.flush()
        yield Turn(token, lock)


@contextmanager
def writing(folder: Path, token: str) -> Iterator[None]:
    """Write into the cache while others do. InputError if somebody else has planned since the ``token`` was given."""
    with _lock_of(folder).open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        lock.seek(0)
        if lock.read() != token:
            raise InputError(f"another run has taken over {folder}: leave it to that, or run this one again afterwards")
        yield


def _lock_of(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.lock"
