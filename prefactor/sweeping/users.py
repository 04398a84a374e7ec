"""The validation users behind a trial's score: what its interval, and its difference from another trial, come from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prefactor.evaluation.intervals import ENDS, Interval, resampled_means

if TYPE_CHECKING:
    from prefactor.evaluation.accuracy import UserFigures

DIGITS = 6  # of an accuracy that is kept
SEEN = "seen"


@dataclass(frozen=True)
class Users:
    """Accuracies on validation pairs, one per user by their place in the cohort: the same users in all trials.

    seen      (U,) of seen users, none where the split leaves them no validation pairs
    held_out  (V,) of held-out users, each the mean over the numbers of pairs that they are known by
    shots     how many such numbers there are: so often held-out users count in the score, seen users once
    pairs     validation pairs of all these users
    """

    seen: tuple[float, ...]
    held_out: tuple[float, ...]
    shots: int
    pairs: int

    @property
    def number(self) -> int:
        """How many users."""
        return len(self.seen) + len(self.held_out)

    @property
    def interval(self) -> Interval:
        """The score with its 95 % percentile bootstrap interval; seen and held-out users are resampled apart."""
        return _interval(self._groups(), self._weights())

    def gain_over(self, other: "Users") -> Interval | None:
        """The paired difference of the scores, user by user, with its interval; None where the users are others."""
        mine, others = self._groups(), other._groups()
        if self._weights() != other._weights() or [*map(len, mine)] != [*map(len, others)]:
            return None
        return _interval([one - another for one, another in zip(mine, others, strict=True)], self._weights())

    def _groups(self) -> list[np.ndarray]:
        return [np.array(group) for group in (self.seen, self.held_out) if group]

    def _weights(self) -> list[int]:
        return [weight for weight, group in ((1, self.seen), (self.shots, self.held_out)) if group]


def users_of(figures: "Mapping[str, UserFigures]") -> Users:
    """Who is behind the figures of one model: those of seen users, and those of held-out users by shots."""
    known = {name: found.accuracy[found.pairs > 0] for name, found in figures.items()}
    seen, few = known.pop(SEEN), [*known.values()]
    held_out = next(found for name, found in figures.items() if name != SEEN)
    pairs = int(figures[SEEN].pairs.sum() + held_out.pairs.sum())
    return Users(_kept(seen), _kept(np.mean(few, axis=0)), len(few), pairs)


def mean_of(seeds: Sequence[Users]) -> Users | None:
    """The users' mean accuracies over seeds; None of no seed."""
    if not seeds:
        return None
    seen, held_out = (
        np.mean(group, axis=0) for group in zip(*((one.seen, one.held_out) for one in seeds), strict=True)
    )
    return Users(_kept(seen), _kept(held_out), seeds[0].shots, seeds[0].pairs)


def _interval(groups: Sequence[np.ndarray], weights: Sequence[int]) -> Interval:
    """The weighted mean of the groups' means; groups (U_g,), users of each drawn with replacement."""
    means = np.average([group.mean() for group in groups], weights=weights)
    drawn = np.average(resampled_means([group[:, None] for group in groups]), axis=0, weights=weights)  # (R,1)
    low, high = np.quantile(drawn[:, 0], ENDS)
    return Interval(float(means), float(low), float(high))


def _kept(accuracies: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(accuracy), DIGITS) for accuracy in accuracies)
