"""A clock that nobody has to wait for."""

import threading
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Time passes when someone sleeps, and only then; ``slept`` are the naps, in their order."""

    slept: list[float] = field(default_factory=list)
    time: float = 1000.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.slept.append(seconds)
            self.time += seconds
