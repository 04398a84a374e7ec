"""How many requests a caller may send: a moving window per key, by the monotonic clock, for all processes together."""

import fcntl
import hashlib
import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from limits import RateLimitItem, parse_many

from prefactor.errors import InputError

NEXT, FREE = struct.Struct("=q"), struct.Struct("=d")


class Rates:
    """The limit that every caller has, e.g. ``600/minute``. Only the service's event loop uses this.

    A caller has as many places as the limit has requests, each with the second from which on it is free again; they
    are taken in turn, so that the next is the one taken longest ago, and no window of the limit's length ever holds
    more. The clock is the monotonic one, the same for all processes of a machine: by the clock on the wall, set back
    by an hour, callers would be refused for an hour.
    """

    def __init__(self, limit: str, shared: Path | None = None) -> None:
        """``shared`` is a folder, the same for all processes that the limit is for together."""
        self._limit = parse_rate(limit)
        self._shared = shared
        self._own: dict[str, mmap.mmap] = {}
        self._size = NEXT.size + self._limit.amount * FREE.size

    def take(self, caller: str) -> float | None:
        """None where a caller's request is within the limit, else the seconds until one is."""
        with self._places(caller) as places:
            (turn,) = NEXT.unpack_from(places)
            at = NEXT.size + turn * FREE.size
            (free,), now = FREE.unpack_from(places, at), time.monotonic()
            if free > now:
                return float(free - now)
            FREE.pack_into(places, at, now + self._limit.get_expiry())
            NEXT.pack_into(places, 0, (turn + 1) % self._limit.amount)
            return None

    @contextmanager
    def _places(self, caller: str) -> Iterator[mmap.mmap]:
        """A caller's places, which no other process takes meanwhile. They need room as they are taken."""
        if self._shared is None:
            yield self._own.get(caller) or self._own.setdefault(caller, mmap.mmap(-1, self._size))
            return
        name = hashlib.sha256(caller.encode()).hexdigest()  # there are file systems that know no capitals
        file = os.open(self._shared / f"rate-{name}", os.O_RDWR | os.O_CREAT, 0o600)  # not kept: keys may be many
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.ftruncate(file, self._size)  # what is there stays
            with mmap.mmap(file, self._size) as places:
                yield places
        finally:
            os.close(file)  # and the lock is gone, as with a process that is killed


def parse_rate(text: str) -> RateLimitItem:
    """A limit in words. InputError if it is none."""
    try:
        [limit] = parse_many(text)
    except ValueError:
        raise InputError(f"{text!r} is no rate: write e.g. 600/minute or 20/second") from None
    if limit.amount < 1:
        raise InputError(f"the rate {text!r} lets nothing pass: write e.g. 600/minute")
    return limit
