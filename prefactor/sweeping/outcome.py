"""What came of a trial, kept in a file of its own that is there whole or not at all."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from prefactor.atomic import write_json
from prefactor.parameters import as_dict, build
from prefactor.reading import read_object
from prefactor.sweeping.users import Users, mean_of

TRIALS = "trials"
AGAIN = "delete it, and the sweep's study gives it back, or has the trial run again"


class State(StrEnum):
    """How a trial ended: ``pruned`` is ended early because others did better, ``failed`` has no score."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"


@dataclass(frozen=True)
class Point:
    """What one validation of a trial said.

    phase   counts the trainings that a trial consists of: by seed, by the model's choice, by step of training
    step    of the phase's validations the how manieth, from 1
    seed    which seed was trained
    part    ``basis`` or ``model``, the step of training
    loss    training loss since the last validation, nats; None of a closed form
    value   accuracy on validation pairs, as steps are chosen by: the mean of the seeds that are done and of the best
            so far of this phase
    """

    phase: int
    step: int
    seed: int
    part: str
    value: float
    loss: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a trial.

    changes    what was tried, by dotted key; nothing for the variant as it stood
    score      mean over seeds of the mean accuracy on validation pairs; None unless the trial is complete
    seeds      by seed, the accuracies that make the score: of seen users, of held-out users by shots, and ``mean``
    low, high  the 95 % interval of the score over validation users; None where nobody said who they were
    users      the users behind the score, their accuracies the means over seeds
    seconds    wall time of its process
    memory_mb  the most memory that its process held, in MB; None where it did not live to say
    reason     why it failed or was pruned
    """

    number: int
    state: State
    changes: Mapping[str, Any] = field(default_factory=dict)
    score: float | None = None
    seeds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    curve: tuple[Point, ...] = ()
    low: float | None = None
    high: float | None = None
    users: Users | None = None
    seconds: float = 0.0
    memory_mb: float | None = None
    reason: str = ""

    @property
    def spread(self) -> float | None:
        """Standard deviation of the seeds' scores; None of fewer than two."""
        means = [scores["mean"] for scores in self.seeds.values()]
        return stdev(means) if len(means) > 1 else None

    @property
    def last_value(self) -> float:
        """The value of the last validation; NaN where there was none."""
        return self.curve[-1].value if self.curve else math.nan


def complete(
    number: int, changes: Mapping[str, Any], seeds: Mapping[str, Mapping[str, float]], users: Sequence[Users] = ()
) -> Outcome:
    """A trial that was trained with all seeds; ``users`` are those behind each seed's score."""
    score = fmean(scores["mean"] for scores in seeds.values())
    found = Outcome(number, State.COMPLETE, dict(changes), score, dict(seeds), users=mean_of(users))
    if found.users is None:
        return found
    interval = found.users.interval
    return replace(found, low=interval.low, high=interval.high)


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Keep the outcome of one of the trials of the sweep in ``folder``."""
    write_json(folder / TRIALS / _name(outcome.number), as_dict(outcome))


def read_outcomes(folder: Path) -> list[Outcome]:
    """All outcomes of the sweep in ``folder``, by number. Raises InputError for a damaged one."""
    paths = sorted((folder / TRIALS).glob("[0-9]*.json"))
    return [as_outcome(read_object(path, AGAIN), str(path)) for path in paths]


def as_outcome(values: Mapping[str, Any], where: str) -> Outcome:
    """An outcome from JSON."""
    return build(Outcome, values, where)


def ranked(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """The best first, the earlier of equals; then what was pruned, the furthest first; then what failed."""
    return sorted(outcomes, key=_rank)


def _rank(outcome: Outcome) -> tuple[int, float, float, int]:
    order = [State.COMPLETE, State.PRUNED, State.FAILED].index(outcome.state)
    value = outcome.score if outcome.score is not None else outcome.last_value
    return order, -len(outcome.curve) * (order == 1), -value if value == value else math.inf, outcome.number


def _name(number: int) -> str:
    return f"{number:05d}.json"
