"""When the next request may leave: a rate that several threads share, and a pause that the other side asked for."""

import threading
from collections.abc import Callable


class Pace:
    """Requests leave one after another, at least 60 / ``per_minute`` seconds apart; None for no such distance.

    ``now`` is a clock in seconds; ``sleep`` waits for a number of them, or less long if there is no more to wait for.
    """

    def __init__(self, per_minute: float | None, now: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self._distance = 0.0 if per_minute is None else 60 / per_minute
        self._now, self._sleep = now, sleep
        self._next = self._held = now()
        self._lock = threading.Lock()

    def turn(self) -> None:
        """Wait for a turn of one's own."""
        with self._lock:
            start = max(self._next, self._held, self._now())
            self._next = start + self._distance
        self._until(start)
        self._until(self._held)  # if a pause began meanwhile

    def hold(self, seconds: float) -> None:
        """Let nobody go for so long."""
        with self._lock:
            self._held = max(self._held, self._now() + seconds)

    def _until(self, moment: float) -> None:
        if (left := moment - self._now()) > 0:
            self._sleep(left)
