"""What a rule gains in every set, and what it would gain there without each candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prefactor.evaluation.scaling.best import expected_best, place_weights
from prefactor.evaluation.scaling.correlations import centred
from prefactor.evaluation.scaling.ranking import Ranking
from prefactor.evaluation.scaling.rules.rule import Rule
from prefactor.evaluation.scaling.rules.scored import Scored


def set_gains(rule: Rule, parameter: float, scored: Scored, sizes: Sequence[int]) -> np.ndarray:
    """(S, J) gold of the best of N by the rule's scores, over the set's mean; the mean over seeds and draws. Exact."""
    gold = centred(scored.gold)
    total, count = np.zeros((len(gold), len(sizes))), 0
    for score in rule.scores(scored, parameter):
        total += expected_best(gold, score, sizes)
        count += 1
    return total / count


def gains_without_each(rule: Rule, parameter: float, scored: Scored, sizes: Sequence[int]) -> np.ndarray:
    """(S, M, J) the same without each candidate, by the same scores; where all M are drawn, all M - 1."""
    gold = centred(scored.gold)
    total, count = np.zeros((*gold.shape, len(sizes))), 0
    for score in rule.scores(scored, parameter):
        total += _without_each(score, gold, sizes)
        count += 1
    return total / count


def _without_each(score: np.ndarray, gold: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
    """(S, M), (S, M) -> (S, M, J). Candidates above the one left out move down one place, those below stay.

    One pass over sums of either kind serves all M; candidates of equal score keep the mean of all of them.
    """
    left = gold.shape[1] - 1
    weights = place_weights(left, [min(size, left) for size in sizes])  # (M-1,J)
    ranking = Ranking.of(score)
    placed = ranking.in_order(gold)[..., None]  # (S,M,1)
    below, above = placed[:, :-1] * weights, placed[:, 1:] * weights  # (S,M-1,J) as they stay, as they move
    nothing = np.zeros((len(gold), 1, len(sizes)))
    stay = np.concatenate([nothing, below.cumsum(1)], 1)  # (S,M,J) by the place left out
    move = np.concatenate([above[:, ::-1].cumsum(1)[:, ::-1], nothing], 1)
    best = np.empty_like(stay)
    np.put_along_axis(best, ranking.order[..., None], stay + move, 1)
    rest = (gold.sum(1, keepdims=True) - gold) / left  # (S,M) mean of the others
    return best - rest[..., None]


@dataclass(frozen=True)
class Judged:
    """A rule with a parameter and what it gains in all sets, block by block.

    gain  (S, J) ``set_gains``
    """

    rule: Rule
    parameter: float
    scored: Sequence[Scored]
    sizes: Sequence[int]
    gain: np.ndarray

    @classmethod
    def of(cls, rule: Rule, parameter: float, scored: Sequence[Scored], sizes: Sequence[int]) -> "Judged":
        gain = np.concatenate([set_gains(rule, parameter, part, sizes) for part in scored])
        return cls(rule, parameter, scored, sizes, gain)

    def beside(self, other: "Judged") -> np.ndarray:
        """(S, 2J) the gains, and what they are above another rule's."""
        return np.concatenate([self.gain, self.gain - other.gain], 1)

    def beside_without(self, other: "Judged") -> list[np.ndarray]:
        """The same without each candidate, (s, M, 2J) for each block."""
        pairs = zip(self.without_each, other.without_each, strict=True)
        return [np.concatenate([own, own - theirs], 2) for own, theirs in pairs]

    @cached_property
    def without_each(self) -> list[np.ndarray]:
        """``gains_without_each`` for each block."""
        return [gains_without_each(self.rule, self.parameter, part, self.sizes) for part in self.scored]


@dataclass(frozen=True)
class Sets:
    """Which user and query each of S sets is of, whatever block it is in, and the users' numbers from 0.

    user, query  (S,) numbers; ``user`` from 0 to U - 1 without gaps
    candidate    one (s, M) for each block
    """

    user: np.ndarray
    query: np.ndarray
    candidate: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, scored: Sequence[Scored]) -> "Sets":
        _, user = np.unique(np.concatenate([part.user for part in scored]), return_inverse=True)
        query = np.concatenate([part.query for part in scored])
        return cls(user, query, tuple(part.candidate for part in scored))

    @property
    def users(self) -> int:
        """U."""
        return int(self.user.max()) + 1

    @property
    def queries(self) -> int:
        """How many different ones."""
        return len(np.unique(self.query))

    @property
    def weight(self) -> np.ndarray:
        """(S,) of each set in a mean over users of the mean over their sets; they sum to 1."""
        return 1 / np.bincount(self.user)[self.user] / self.users

    def user_means(self, values: np.ndarray) -> np.ndarray:
        """(S, C) to (U, C)."""
        count = np.bincount(self.user, minlength=self.users)[:, None]
        return np.stack([np.bincount(self.user, column, self.users) for column in values.T], 1) / count
