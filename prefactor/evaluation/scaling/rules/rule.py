"""The rules that are compared, each with the parameters that it is tried with."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from prefactor.evaluation.scaling.rules.abstention import fall_back
from prefactor.evaluation.scaling.rules.blending import blended, shrunk
from prefactor.evaluation.scaling.rules.ensemble import all_of_all, mean_of_seeds, with_others
from prefactor.evaluation.scaling.rules.risk import less_deviations, less_disagreement
from prefactor.evaluation.scaling.rules.scored import NOISE, Scored
from prefactor.evaluation.scaling.rules.thompson import draws

Scores = Callable[[Scored, float], Iterator[np.ndarray]]
RISK = (-4.0, -2.0, -1.0, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
GAMMA = (-1.0, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
SHRINKAGE = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
WIDTHS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
WEIGHTS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)
NONE = (np.nan,)  # of a rule without a parameter


@dataclass(frozen=True)
class Rule:
    """A rule: scores, each (S, M), whose gains are averaged; the parameters tried, the plainest first among equals.

    neutral  the parameter that leaves plain argmax, or comes nearest to it
    doubt    the doubt that sends sets to the global reward, where it is one that does
    """

    name: str
    scores: Scores
    grid: tuple[float, ...]
    neutral: float = 0.0
    doubt: str | None = None

    def plainest_first(self) -> list[int]:
        """The grid's places by distance from the neutral parameter."""
        return sorted(range(len(self.grid)), key=lambda place: abs(self.grid[place] - self.neutral))


def _plain(scored: Scored, _: float) -> Iterator[np.ndarray]:
    yield from scored.mean


def _seeds(scored: Scored, _: float) -> Iterator[np.ndarray]:
    return mean_of_seeds(scored)


def _common(scored: Scored, _: float) -> Iterator[np.ndarray]:
    assert scored.common is not None
    yield from scored.common


ARGMAX = Rule("argmax", _plain, NONE)
RISK_AWARE = Rule("mean - c std", less_deviations, RISK)
THOMPSON = Rule("Thompson, width times std", draws, WIDTHS)
GLOBAL = Rule("global", _common, NONE)
BLENDED = Rule("personal + gamma global", blended, GAMMA)
SEED_MEAN = Rule("mean of seeds", _seeds, NONE)
SEED_RISK = Rule("mean of seeds - c std of seeds", less_disagreement, RISK)
OTHERS = Rule("with other models", with_others, WEIGHTS)
ALL = Rule("with other models, mean of seeds", all_of_all, WEIGHTS)


def rules_for(scored: Sequence[Scored]) -> list[Rule]:
    """The rules that all of these allow, ARGMAX first; abstention and shrinkage by every doubt that all have."""
    several = all(len(part.mean) > 1 for part in scored)
    found = [ARGMAX]
    if all(part.std is not None for part in scored):
        found += [RISK_AWARE, THOMPSON]
    if all(part.common is not None for part in scored):
        found += [GLOBAL, BLENDED, *_by_doubt(sorted(set.intersection(*(set(part.ranked) for part in scored))))]
    if several:
        found += [SEED_MEAN, SEED_RISK]
    if all(part.others is not None for part in scored):
        found += [OTHERS, *([ALL] if several else [])]
    return found


def _by_doubt(names: Sequence[str]) -> Iterator[Rule]:
    for name in names:
        yield Rule(f"global where doubted, by {name}", partial(fall_back, doubt=name), SHARES, doubt=name)
    if NOISE in names:
        yield Rule(f"shrunk to global, by {NOISE}", partial(shrunk, doubt=NOISE), SHRINKAGE)
