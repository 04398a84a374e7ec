"""How many requests a caller may send: a moving window per key, by the monotonic clock."""

import time
from collections import defaultdict, deque

from limits import RateLimitItem, parse_many
from limits.storage import MovingWindowSupport, Storage
from limits.strategies import MovingWindowRateLimiter

from prefactor.errors import InputError


class MonotonicWindows(Storage, MovingWindowSupport):
    """Times of the latest requests, in this process's memory, for `limits`.

    Its own storage in memory goes by the clock on the wall: set back by an hour, that would refuse callers for an
    hour. Only the service's event loop uses this.
    """

    STORAGE_SCHEME = None  # not to be had by a URL
    base_exceptions = ()

    def __init__(self) -> None:
        super().__init__()
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count a request in if there is room for it in the window."""
        times = self._recent(key, expiry)
        if len(times) + amount > limit:
            return False
        times.extend([time.monotonic()] * amount)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest request in the window came, and how many are in it."""
        times = self._recent(key, expiry)
        return (times[0] if times else time.monotonic()), len(times)

    def _recent(self, key: str, expiry: int) -> deque[float]:
        times, start = self._times[key], time.monotonic() - expiry
        while times and times[0] <= start:
            times.popleft()
        return times

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        raise NotImplementedError

    def get(self, key: str) -> int:
        raise NotImplementedError

    def get_expiry(self, key: str) -> float:
        raise NotImplementedError

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        count = len(self._times)
        self._times.clear()
        return count

    def clear(self, key: str) -> None:
        self._times.pop(key, None)


class Rates:
    """The limit that every caller has, e.g. ``600/minute``, of which each of ``share`` processes lets its part pass."""

    def __init__(self, limit: str, share: int = 1) -> None:
        whole = parse_rate(limit)
        amount = max(1, whole.amount // share)
        self.limit = type(whole)(amount, whole.multiples)
        self._windows = MonotonicWindows()
        self._limiter = MovingWindowRateLimiter(self._windows)

    def take(self, caller: str) -> float | None:
        """None where a caller's request is within the limit, else the seconds until one is."""
        if self._limiter.hit(self.limit, caller):
            return None
        expiry = self.limit.get_expiry()
        oldest, _ = self._windows.get_moving_window(self.limit.key_for(caller), self.limit.amount, expiry)
        return max(0.0, oldest + expiry - time.monotonic())


def parse_rate(text: str) -> RateLimitItem:
    """A limit in words. InputError if it is none."""
    try:
        [limit] = parse_many(text)
    except ValueError:
        raise InputError(f"{text!r} is no rate: write e.g. 600/minute or 20/second") from None
    if limit.amount < 1:
        raise InputError(f"the rate {text!r} lets nothing pass: write e.g. 600/minute")
    return limit
