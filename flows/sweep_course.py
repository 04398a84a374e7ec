"""The course of a sweep: trials begun, followed and shown, as many at once as there are lanes, until none is left."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import TaskRunner

from flows.trials import Work, run_trial

if TYPE_CHECKING:
    from prefactor.sweeping.ledger import Ledger
    from prefactor.sweeping.outcome import Outcome

HOPELESS = 5  # trials that fail before any has a score


class SweepError(RuntimeError):
    """No trial gets anywhere; the message is what the last one said."""


def run_trials(
    ledger: "Ledger", work: Work, trials: int, workers: int, lanes: TaskRunner[Any], ended: Callable[[], None]
) -> None:
    """Run what an earlier run has begun, then new trials up to ``trials`` beside the first, the yardstick.

    ``ended`` is called after each. Raises what a trial's task raises, which is never a configuration's own fault, and
    SweepError where the first ones all fail.
    """
    from prefactor.sweeping.outcome import as_outcome

    waiting, running = ledger.unfinished(), list[PrefectFuture[Any]]()
    came: list[Outcome] = []
    while True:
        while len(running) < workers and (number := _next(ledger, work, trials, waiting)) is not None:
            running.append(lanes.submit(run_trial, {"number": number, "work": work}))
        if not running:
            return
        done = next(as_completed(running))
        running.remove(done)
        came.append(as_outcome(done.result(), "a trial's outcome"))
        ended()
        _check_hope(came, ledger)


def _next(ledger: "Ledger", work: Work, trials: int, waiting: list[int]) -> int | None:
    """The number of the trial to run now; None if there is no more."""
    from prefactor.sweeping.sampling import distributions, next_changes
    from prefactor.sweeping.space import values_at

    if waiting:
        return waiting.pop(0)
    begun = ledger.trials()
    if len(begun) > trials:
        return None
    settings = work.settings
    space = settings.searched
    changes = next_changes(settings.how, space, values_at(settings.base, space.leaves), begun)
    return None if changes is None else ledger.begin(changes, distributions(space))


def _check_hope(came: "Sequence[Outcome]", ledger: "Ledger") -> None:
    """A mistake in what is swept fails every trial: that is said at once, not after all of them."""
    from prefactor.sweeping.outcome import State

    if len(came) >= HOPELESS and all(outcome.state is State.FAILED for outcome in (*came, *ledger.outcomes())):
        raise SweepError(f"all of the first {len(came)} trials failed, the last one so: {came[-1].reason}")
