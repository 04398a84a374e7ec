"""A trial of a sweep as a Prefect task: its own process, on a slot, followed line by line into the sweep's ledger."""

import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.devices import visible
from flows.environment import child_environment
from flows.leash import leashed
from flows.slots import SLOTS, slot
from flows.workspace import shared
from prefactor.errors import InputError

if TYPE_CHECKING:
    from prefactor.sweeping.ledger import Ledger
    from prefactor.sweeping.outcome import Outcome, Point
    from prefactor.sweeping.settings import SweepSettings
    from prefactor.sweeping.users import Users

SECONDS_BETWEEN_LOOKS = 1.0  # at whether the sweep still wants its trials
ATTEMPTS = 2  # at a trial that somebody kills
KILLED = {128 + signal.SIGKILL, 128 + signal.SIGTERM, -signal.SIGKILL, -signal.SIGTERM}
LINES_OF_A_FAILURE = 20
NOTHING: Mapping[str, str] = MappingProxyType({})


class Unwanted(RuntimeError):
    """The run of the sweep that began a trial has ended, or another one has taken it over."""


class _Pruned(Exception):
    """Others did better at this place."""


@dataclass(frozen=True)
class Work:
    """What every trial of one run of a sweep has in common.

    folder   of the sweep, below ``root``
    run      which run of the sweep owns its trials: those of another one stop
    storage  as in ``open_ledger``
    """

    root: Path
    folder: Path
    settings: "SweepSettings"
    storage: str
    run: str
    slot: SLOTS
    memory_gb: float | None = None


@task(name="trial", task_run_name="trial-{number}", cache_policy=NO_CACHE, retries=0, persist_result=False)
def run_trial(number: int, work: Work) -> dict[str, Any]:
    """Run a trial that the ledger knows, and record what comes of it; the outcome as JSON.

    What is the configuration's own fault is an outcome. Raises InputError where no trial could run: there is no slot,
    a rebuild runs, the data have changed; Unwanted where nobody waits for it any more.
    """
    from prefactor.parameters import as_dict
    from prefactor.sweeping.ledger import open_ledger

    with slot(work.slot), open_ledger(work.folder, work.storage, work.settings.pruning) as ledger:
        with visible(work.slot) as seen, shared(work.root) as lock:
            outcome = attempt(number, work, ledger, lock, get_run_logger().info, seen)
        _check_wanted(ledger, work)
        ledger.record(outcome)
    return as_dict(outcome)


def attempt(
    number: int,
    work: Work,
    ledger: "Ledger",
    lock: int,
    log: Callable[[str], None],
    environment: Mapping[str, str] = NOTHING,
) -> "Outcome":
    """Run a trial's process and follow it, once more if somebody kills it; what came of it, not yet recorded.

    ``lock`` is held for as long as the process lives; ``log`` gets what it says to people. The process has
    ``environment`` beside this one's.
    """
    from prefactor.sweeping.order import Order, write_order

    changes = ledger.changes(number)
    order = write_order(work.folder, Order(number, work.settings, changes, work.memory_gb))
    for left in reversed(range(ATTEMPTS)):
        trial, started = _Trial(number, ledger, log, environment), time.monotonic()
        trial.follow(order, work, lock)
        if trial.ended or trial.status not in KILLED:
            break
        log(f"trial {number} was killed" + (": it is run again" if left else ""))
    return replace(trial.outcome(changes), seconds=round(time.monotonic() - started, 1))


@dataclass
class _Trial:
    """One process, and what it has said so far."""

    number: int
    ledger: "Ledger"
    log: Callable[[str], None]
    environment: Mapping[str, str]
    curve: "list[Point]" = field(default_factory=list)
    seeds: dict[str, dict[str, float]] = field(default_factory=dict)
    users: "list[Users]" = field(default_factory=list)
    memory_mb: float | None = None
    failed: str = ""
    pruned: str = ""
    status: int = 0
    _said: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_OF_A_FAILURE))

    @property
    def ended(self) -> bool:
        """Whether it came to an end of its own: it was done, failed or was pruned."""
        return bool(self.memory_mb is not None or self.failed or self.pruned)

    def follow(self, order: Path, work: Work, lock: int) -> None:
        """Run the process to its end, or to where it is not worth going on. Raises Unwanted."""
        command = [sys.executable, "-m", "stages.trial", str(order.relative_to(work.root))]
        threads = {"OMP_NUM_THREADS": str(work.settings.threads)}
        with leashed(
            command,
            folder=work.root,
            environment={**child_environment(), **self.environment, **threads},
            stdout=subprocess.PIPE,
            keep_open=[lock],
        ) as process:
            assert process.stdout is not None
            try:
                for line in _lines(process.stdout, SECONDS_BETWEEN_LOOKS):
                    self._hear(line) if line is not None else _check_wanted(self.ledger, work)
            except _Pruned:
                return
            self.status = process.wait()

    def outcome(self, changes: dict[str, Any]) -> "Outcome":
        """What came of it."""
        from prefactor.sweeping.outcome import Outcome, State, complete

        if self.pruned:
            found = Outcome(self.number, State.PRUNED, changes, reason=self.pruned)
        elif self.failed or self.memory_mb is None:
            found = Outcome(self.number, State.FAILED, changes, reason=self.failed or self._last_words())
        else:
            found = complete(self.number, changes, self.seeds, self.users)
        return replace(found, curve=tuple(self.curve), memory_mb=self.memory_mb)

    def _hear(self, line: str) -> None:
        from prefactor.sweeping.messages import message_in

        message = message_in(line)
        if message is None:
            self._said.append(line)
            self.log(line)
        elif message.kind == "told":
            self._told(dict(message.values))
        elif message.kind == "scored":
            self._scored(message.values)
        elif message.kind == "done":
            self.memory_mb = float(message.values["memory_mb"])
        elif message.kind == "failed":
            self.failed = str(message.values["reason"])
        else:
            raise InputError(str(message.values["reason"]))

    def _scored(self, values: Mapping[str, Any]) -> None:
        from prefactor.parameters import build
        from prefactor.sweeping.users import Users

        self.seeds[str(values["seed"])] = dict(values["scores"])
        if "users" in values:
            self.users.append(build(Users, values["users"], "users"))

    def _told(self, values: dict[str, Any]) -> None:
        from prefactor.sweeping.outcome import Point

        point = Point(**values)
        self.curve.append(point)
        if self.ledger.told(self.number, point):
            self.pruned = f"{point.value:.4f} at validation {len(self.curve)}, where others did better"
            raise _Pruned

    def _last_words(self) -> str:
        from prefactor.sweeping.memory import OUT_OF_MEMORY, ran_out

        if any(map(ran_out, self._said)):
            return OUT_OF_MEMORY
        if self.status in KILLED:
            return f"killed {ATTEMPTS} times: perhaps the machine is out of memory"
        last = self._said[-1] if self._said else "it gave no reason"
        return f"ended with status {self.status}: {last}"


def _check_wanted(ledger: "Ledger", work: Work) -> None:
    if ledger.owner != work.run:
        raise Unwanted(f"the run of sweep {work.folder.name} that began this trial has ended")


def _lines(stream: IO[str], seconds: float) -> Iterator[str | None]:
    """The lines of a stream as they come; None after every so many seconds without one."""
    said: SimpleQueue[str | None] = SimpleQueue()

    def read() -> None:
        for line in stream:
            said.put(line.rstrip("\n"))
        said.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = said.get(timeout=seconds)
        except Empty:
            yield None
            continue
        if line is None:
            return
        yield line
