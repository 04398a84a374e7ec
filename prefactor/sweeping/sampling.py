"""Which configuration a sweep tries next: the grid's next one, or one that Optuna draws from all that came before."""

import hashlib
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prefactor.sweeping.ledger import CHANGES
from prefactor.sweeping.space import Flat, Leaf, Range, Space
from prefactor.sweeping.ways import How

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

REDRAWS = 20  # of a configuration that was tried already
LARGEST_LIST = 100_000  # configurations, of which one that was not tried yet is looked for


def distributions(space: Space) -> "dict[str, BaseDistribution]":
    """What each parameter may be, as Optuna has it."""
    return {key: _distribution(leaf) for key, leaf in space.leaves.items()}


def next_changes(how: How, space: Space, base: Flat, begun: "Sequence[FrozenTrial]") -> Flat | None:
    """What the next trial tries, by dotted key; the first one nothing, so that there is a yardstick.

    ``base`` are the variant's own values of the space's parameters: trying those would be the first trial again.
    ``begun`` are all trials so far. None where the space has no more; no configuration is tried twice.
    """
    if not begun:
        return {}
    tried = [base, *(dict(trial.user_attrs[CHANGES]) for trial in begun)]
    if how == "grid":
        return next((point for point in space.grid() if point not in tried), None)
    for redraw in range(REDRAWS):
        drawn = _drawn(how, space, begun, _seed(len(begun), redraw))
        if drawn not in tried:
            return drawn
    return _left(space, tried, len(begun))


def _drawn(how: How, space: Space, begun: "Sequence[FrozenTrial]", seed: int) -> Flat:
    """From a copy of the study, so that nothing is entered that is not run."""
    import optuna

    study = optuna.create_study(direction="maximize", sampler=_sampler(how, seed))
    study.add_trials([trial for trial in begun if trial.params])  # the yardstick has none, and says nothing about any
    return dict(study.ask(distributions(space)).params)


def _sampler(how: How, seed: int) -> "BaseSampler":
    from optuna import samplers

    return samplers.TPESampler(seed=seed) if how == "tpe" else samplers.RandomSampler(seed=seed)


def _left(space: Space, tried: Sequence[Flat], number: int) -> Flat | None:
    """One of those configurations that were not tried, at random; None where there are none, or too many to list."""
    if space.size is None or space.size > LARGEST_LIST:
        return None
    left = [point for point in space.grid() if point not in tried]
    return random.Random(_seed(number)).choice(left) if left else None


def _seed(*numbers: int) -> int:
    """A seed for one draw: those of neighbouring trials have nothing in common."""
    return int.from_bytes(hashlib.sha256(repr(("sweep", *numbers)).encode()).digest()[:4])


def _distribution(leaf: Leaf) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(leaf, Range):
        return CategoricalDistribution(leaf)
    if leaf.is_whole:
        return IntDistribution(int(leaf.low), int(leaf.high), leaf.log, int(leaf.step or 1))
    return FloatDistribution(leaf.low, leaf.high, leaf.log, leaf.step)
