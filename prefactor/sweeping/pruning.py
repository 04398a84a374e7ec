"""When a trial is ended early: its validations are held against those of others at the same place."""

from typing import TYPE_CHECKING

from prefactor.errors import InputError
from prefactor.sweeping.outcome import Point
from prefactor.sweeping.ways import Pruning

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

STEPS_OF_A_PHASE = 1_000
STARTING = 5  # whole trials before others are held against their median
SPARED = 1  # the first validation is too early to tell
KEPT = 3  # of so many trials, halving lets one go on


def pruner(pruning: Pruning) -> "BasePruner":
    """Optuna's: ``median`` ends what is below the median of whole trials, ``halving`` all but a rung's best third."""
    from optuna import pruners

    if pruning == "median":
        return pruners.MedianPruner(n_startup_trials=STARTING, n_warmup_steps=SPARED + 1)
    if pruning == "halving":
        return pruners.SuccessiveHalvingPruner(min_resource=SPARED + 1, reduction_factor=KEPT)
    return pruners.NopPruner()


def step_of(point: Point) -> tuple[int, float]:
    """A validation as Optuna has it: its step in the whole trial, and its value, above that of any earlier phase.

    Pruners compare the best that a trial has said so far: what an earlier training said must not count for a later one.
    """
    if point.step >= STEPS_OF_A_PHASE:
        raise InputError(f"a training of {point.step} validations cannot be swept: set validations below 1000")
    return point.phase * STEPS_OF_A_PHASE + point.step, point.phase + point.value
