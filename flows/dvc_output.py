"""What `dvc repro` prints, read as it comes: which stage is where, and why one failed."""

import difflib
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from prefactor.errors import InputError

LINES_OF_A_FAILURE = 30

_STAGE_LINES = (
    (re.compile(r"Running stage '(?P<stage>.+)':"), "running"),
    (re.compile(r"Stage '(?P<stage>.+)' is cached - skipping run, checking out outputs"), "cached"),
    (re.compile(r"(?:Stage )?'(?P<stage>.+)' didn't change, skipping"), "unchanged"),
)
_FAILURE = re.compile(r"ERROR: failed to reproduce '(?P<stage>.+?)': (?P<reason>.*)", re.DOTALL)
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_EDGE = re.compile(r'"(?P<before>[^"]+)" -> "(?P<after>[^"]+)";')
_NODE = re.compile(r'"(?P<stage>[^"]+)";')


class StageState(StrEnum):
    """Where a stage is.

    ``cached``: its outputs were restored from DVC's run cache, its command did not run.
    ``stopped``: the rebuild was cancelled while it ran.
    """

    RUNNING = "running"
    RAN = "ran"
    CACHED = "cached"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass
class StageRun:
    """One stage of one `dvc repro`; seconds from its first line to the next stage's."""

    stage: str
    state: StageState
    seconds: float = 0.0


@dataclass
class ReproOutput:
    """Follows one `dvc repro`. Give it every line with the time of its arrival, then the exit status."""

    stages: list[StageRun] = field(default_factory=list)
    failure: str | None = None
    _started: float = 0.0
    _said: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_OF_A_FAILURE))
    _error: list[str] = field(default_factory=list)

    def feed(self, line: str, at: float) -> StageRun | None:
        """Take one line that came at ``at`` seconds; return the stage that it begins or disposes of, if any."""
        line = _COLOUR.sub("", line).rstrip()
        if self._error or line.startswith("ERROR: "):
            self._error.append(line)
            return None
        begun = _begun(line)
        if begun is None:
            if line and not self._is_command(line):
                self._said.append(line)
            return None
        self._close(at)
        self._said.clear()
        self._started = at
        self.stages.append(begun)
        return begun

    def finish(self, status: int, at: float) -> None:
        """Take the exit status; where it is not 0, ``failure`` then says what failed, in the stage's own words."""
        self._close(at)
        if status == 0:
            return
        found = _FAILURE.match("\n".join(self._error).strip())
        if found:
            self.failure = f"stage {found['stage']!r} failed:{self._reason(found['stage'], found['reason'])}"
        elif self._error:
            self.failure = "dvc repro failed: " + "\n".join(self._error).removeprefix("ERROR: ").strip()
        else:
            self.failure = f"dvc repro ended with status {status}:{self._own_words() or ' it gave no reason'}"

    def stop(self, at: float) -> None:
        """The command was ended from outside: a stage that still ran is stopped. Changes nothing after ``finish``."""
        if self.stages and self.stages[-1].state is StageState.RUNNING:
            self._close(at)
            self.stages[-1].state = StageState.STOPPED

    def _is_command(self, line: str) -> bool:
        return line.startswith("> ") and not self._said

    def _close(self, at: float) -> None:
        if self.stages and self.stages[-1].state in (StageState.RUNNING, StageState.CACHED):
            last = self.stages[-1]
            last.seconds = at - self._started
            if last.state is StageState.RUNNING:
                last.state = StageState.RAN

    def _reason(self, stage: str, reason: str) -> str:
        if not self.stages or self.stages[-1].stage != stage:
            # DVC refused it before it began: a missing dependency, a locked file.
            self.stages.append(StageRun(stage, StageState.FAILED))
            return f" {reason}"
        self.stages[-1].state = StageState.FAILED
        return (self._own_words() if reason.startswith("failed to run: ") else "") or f" {reason}"

    def _own_words(self) -> str:
        separator = "\n" if len(self._said) > 1 else " "
        return separator + "\n".join(self._said) if self._said else ""


def planned_stages(graph: str, targets: Sequence[str] = ()) -> list[str]:
    """The stages that `dvc repro <targets>` goes through, from the text of `dvc dag --dot`.

    A target is a stage or a matrix's common name; none means all. Raises InputError for an unknown target.
    """
    stages = [found["stage"] for found in map(_NODE.fullmatch, graph.splitlines()) if found]
    if not targets:
        return stages
    before: dict[str, list[str]] = {stage: [] for stage in stages}
    for edge in map(_EDGE.fullmatch, graph.splitlines()):
        if edge:
            before[edge["after"]].append(edge["before"])
    wanted = _with_ancestors((stage for target in targets for stage in _named(target, stages)), before)
    return [stage for stage in stages if stage in wanted]


def _begun(line: str) -> StageRun | None:
    for pattern, state in _STAGE_LINES:
        found = pattern.fullmatch(line)
        if found:
            return StageRun(found["stage"], StageState(state))
    return None


def _named(target: str, stages: Sequence[str]) -> list[str]:
    found = [stage for stage in stages if target in (stage, stage.partition("@")[0])]
    if not found:
        names = sorted({name for stage in stages for name in (stage, stage.partition("@")[0])})
        close = difflib.get_close_matches(target, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known stages: {', '.join(names)}"
        raise InputError(f"there is no stage {target!r}; {hint}")
    return found


def _with_ancestors(stages: Iterable[str], before: dict[str, list[str]]) -> set[str]:
    waiting, found = list(stages), set[str]()
    while waiting:
        stage = waiting.pop()
        if stage not in found:
            found.add(stage)
            waiting.extend(before[stage])
    return found
