"""One trial of a sweep as a process: a configuration, trained with every seed, scored on validation pairs.

No stage of the pipeline: it writes nothing, and says what it finds to the flow that started it. By hand:
`python -m stages.trial data/sweeps/NAME/orders/00007.json`.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from prefactor.errors import InputError
from prefactor.memory import most_memory
from prefactor.search import MODEL, mean_scores, validated
from prefactor.sweeping.memory import OUT_OF_MEMORY, limit_memory, ran_out
from prefactor.sweeping.messages import Kind, Message
from prefactor.sweeping.order import Order, read_order
from prefactor.sweeping.outcome import Point
from stages.running import run


class Diverged(ArithmeticError):
    """The loss is no number any more."""


class DataChanged(InputError):
    """The data are not those that the sweep began with."""


def trial(order: str) -> None:
    """Run the trial that the file ``order`` describes. Whatever ends it is said first, then raised for the log."""
    wanted = read_order(Path(order))
    limit_memory(wanted.memory_gb)
    try:
        _run(wanted)
    except Exception as error:
        reason = reason_of(error)
        say("changed" if isinstance(error, DataChanged) else "failed", reason=reason)
        if reason == OUT_OF_MEMORY or isinstance(error, Diverged):
            sys.exit(f"trial {wanted.number}: {reason}")
        raise
    say("done", memory_mb=round(most_memory(), 1))


def reason_of(error: Exception) -> str:
    """Why a trial failed, in one line."""
    if isinstance(error, MemoryError) or ran_out(str(error)):
        return OUT_OF_MEMORY
    said = (str(error).splitlines() or [""])[0]
    return said if isinstance(error, InputError | Diverged) else f"{type(error).__name__}: {said}"


def say(kind: Kind, **values: object) -> None:
    """Send a message, at once."""
    print(Message(kind, values).line(), flush=True)


def _run(order: Order) -> None:
    import torch

    from prefactor.parameters import merged
    from prefactor.sweeping.fingerprint import fingerprint
    from prefactor.sweeping.space import changes
    from prefactor.sweeping.users import users_of
    from stages.search import fitted
    from stages.trainings import cell_cohorts, cell_states

    settings = order.settings
    torch.set_num_threads(settings.threads)
    cohorts = cell_cohorts(settings.cell, cell_states(settings.cell))
    if fingerprint(Path(), settings.dataset, settings.backbone) != settings.data:
        raise DataChanged("the split or the states are not those that the sweep began with: begin one of another name")
    values = merged(settings.base, changes(order.changes))
    teller = Teller()
    for seed in settings.seeds:
        started = time.monotonic()
        told = teller.of(seed)
        model, trained = fitted(settings.cell, values, cohorts, seed, "sweep", told)
        if not trained.best_step:  # a closed form takes no steps to tell of
            told(0, MODEL, trained.history[-1])
        teller.done.append(trained.validation_accuracy)
        figures = validated(model, cohorts["seen"], cohorts["validation"], settings.shots)
        scores = mean_scores(figures) | {"seconds": round(time.monotonic() - started, 1)}
        say("scored", seed=seed, scores=scores, users=asdict(users_of(figures)))


@dataclass
class Teller:
    """Tells of every validation of a trial, across its seeds, choices and steps of training.

    ``done`` are the validation accuracies of the seeds that were trained.
    """

    done: list[float] = field(default_factory=list)
    _training: tuple[int, int, str] | None = None
    _phase: int = -1
    _step: int = 0
    _best: float = -math.inf  # of this training; a further choice cannot make a trial worse than the ones before it
    _chosen: float = -math.inf  # best of this seed's models so far

    def of(self, seed: int) -> Callable[[int, str, dict[str, float]], None]:
        """What is to be told of one seed's trainings: a choice's number, its step of training, a history's row."""
        self._chosen = -math.inf
        return lambda choice, part, row: self._told(seed, choice, part, row)

    def _told(self, seed: int, choice: int, part: str, row: dict[str, float]) -> None:
        """Raises Diverged for a loss that is no number; rows without a validation are not told."""
        from prefactor.training import accuracy_of

        loss, accuracy = row["loss"], accuracy_of(row)
        if row["step"] and not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} at step {int(row['step'])} of seed {seed}")
        if math.isnan(accuracy):
            return
        if (seed, choice, part) != self._training:
            self._training, self._phase, self._step = (seed, choice, part), self._phase + 1, 0
            self._best = self._chosen if choice else -math.inf
        self._step += 1
        self._best = max(self._best, accuracy)
        if part == MODEL:
            self._chosen = max(self._chosen, accuracy)
        value = (sum(self.done) + self._best) / (len(self.done) + 1)
        known = None if math.isnan(loss) else loss
        say("told", **asdict(Point(self._phase, self._step, seed, part, value, known)))


if __name__ == "__main__":
    run(trial)
