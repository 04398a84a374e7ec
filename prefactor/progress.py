"""Progress of long work: a live bar in a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_REDRAWS = 0.2


@dataclass
class Progress:
    """Counts steps of one piece of work and says rate and time left.

    ``advance(n, note)`` is called as work is done; ``unit`` names what is counted (texts, steps, users); ``total`` is
    None where nobody knows how many there will be. Where ``tokens`` are counted too, their rate is shown.
    """

    stage: str
    total: int | None
    unit: str
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    done: int = 0
    tokens: int = 0
    _started: float = field(default_factory=time.monotonic)
    _shown: float = field(default_factory=time.monotonic)

    def advance(self, count: int = 1, note: str = "", tokens: int = 0) -> None:
        """Record ``count`` more units, and the ``tokens`` that a model read for them; show them if it is time to."""
        self.done += count
        self.tokens += tokens
        now = time.monotonic()
        interval = SECONDS_BETWEEN_REDRAWS if self.stream.isatty() else SECONDS_BETWEEN_LINES
        if now - self._shown >= interval:
            self._shown = now
            self._show(self.line(now - self._started, note))

    def line(self, elapsed: float, note: str = "") -> str:
        """One line of state after ``elapsed`` seconds."""
        rate = self.done / elapsed if elapsed > 0 else 0.0
        if self.total is None:
            return f"{self.stage}: {self.done} {self.unit} | {rate:,.1f} {self.unit}/s{self._token_rate(elapsed)}"
        left = f"{_clock(max(self.total - self.done, 0) / rate)} left" if rate > 0 else "time left unknown"
        share = 100 * self.done / self.total if self.total else 100.0
        tail = self._token_rate(elapsed) + (f" | {note}" if note else "")
        counted = f"{self.done}/{self.total} {self.unit} ({share:.0f} %)"
        return f"{self.stage}: {counted} | {rate:,.1f} {self.unit}/s | {left}{tail}"

    def finish(self) -> None:
        """Say how long it took."""
        elapsed = time.monotonic() - self._started
        self._show(f"{self.stage}: {self.done} {self.unit} in {_clock(elapsed)}{self._token_rate(elapsed)}", last=True)

    def stop(self) -> None:
        """Say how far it came before an error, on a line of its own, so that the error starts on the next."""
        elapsed = time.monotonic() - self._started
        done = str(self.done) if self.total is None else f"{self.done}/{self.total}"
        self._show(f"{self.stage}: stopped at {done} {self.unit} after {_clock(elapsed)}", last=True)

    def _token_rate(self, elapsed: float) -> str:
        return f" | {self.tokens / elapsed:,.0f} tokens/s" if self.tokens and elapsed > 0 else ""

    def _show(self, text: str, last: bool = False) -> None:
        if self.stream.isatty():
            self.stream.write("\r\x1b[2K" + text + ("\n" if last else ""))
        else:
            self.stream.write(text + "\n")
        self.stream.flush()


@contextmanager
def progress(stage: str, total: int | None, unit: str) -> Iterator[Progress]:
    """Show the progress of a block of work; nothing is shown for empty work."""
    shown = Progress(stage, total, unit)
    try:
        yield shown
    except BaseException:
        shown.stop()
        raise
    if total != 0:
        shown.finish()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
