"""How much more a challenger gets right than the champion, user by user, and how sure that is."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from prefactor.evaluation.intervals import ENDS, Interval, over_users
from prefactor.evaluation.items import USERS, Outcomes, over_users_and_items
from prefactor.promotion.score import Score, Shots


@dataclass(frozen=True)
class Difference:
    """A mean over users of paired differences, as shares of pairs.

    ``interval`` holds 95 %: over users, or over users and the prompts or items that they share, whichever is wider;
    ``resampled`` says over what. ``errors`` are standard errors with their degrees of freedom, one over each.
    """

    interval: Interval
    resampled: str
    errors: tuple[tuple[float, int], ...]
    users: int
    pairs: int

    @property
    def value(self) -> float:
        """The mean."""
        return self.interval.value

    def at_most(self, level: float) -> float:
        """What the true difference exceeds with a probability of ``level``, by Student's t; the widest bound."""
        return self.value + max(float(stdtrit(freedom, 1 - level)) * error for error, freedom in self.errors)


def difference(
    champion: Score, challenger: Score, shots: Shots = None, users: np.ndarray | None = None
) -> Difference | None:
    """Challenger minus champion, known by so many pairs, of ``users`` by number, or all; None for fewer than two."""
    found = challenger.accuracy[shots] - champion.accuracy[shots]  # (U,)
    chosen = np.arange(len(found)) if users is None else users
    chosen = chosen[~np.isnan(found[chosen])]
    count = len(chosen)
    if count < 2:
        return None
    own = found[chosen]
    intervals = {USERS: over_users(own)}
    errors = [(float(own.std(ddof=1) / np.sqrt(count)), count - 1)]
    if (single := _single(champion, challenger, shots, chosen)) is not None:
        wide, freedom = over_users_and_items([single]), _freedom(single)
        if np.isfinite(wide.high):
            intervals[f"{USERS} and {single.kind}"] = wide
            errors.append((float((wide.high - wide.value) / stdtrit(freedom, ENDS[1])), freedom))
    name, interval = max(intervals.items(), key=lambda each: each[1].high - each[1].low)
    pairs = int(np.isin(challenger.forecast.user, chosen).sum())
    return Difference(interval, name, tuple(errors), count, pairs)


def _single(champion: Score, challenger: Score, shots: Shots, users: np.ndarray) -> Outcomes | None:
    """The differences pair by pair, where pairs are known to share something."""
    one, other = challenger.outcomes[shots], champion.outcomes[shots]
    return None if one is None or other is None else one.minus(other).of_users(users)


def _freedom(single: Outcomes) -> int:
    """As ``over_users_and_items`` counts it."""
    return min(len(np.unique(single.user)), len(np.unique(single.items))) - 1
