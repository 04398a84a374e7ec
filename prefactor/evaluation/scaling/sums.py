"""What a score makes of every set of candidates, summed by user and half: all that any figure is made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prefactor.evaluation.scaling.best import expected_best
from prefactor.evaluation.scaling.correlations import centred, of_centred
from prefactor.evaluation.scaling.pool import Block
from prefactor.evaluation.scaling.ranking import Ranking
from prefactor.evaluation.scaling.spread import spread

SINGLE = (
    "sets",
    "known",
    "rho",
    "rank",
    "hacked",
    "rho_healthy",
    "rho_hacked",
    "variance",
    "spread",
    "rho_spread",
    "chance",
)
CURVES = ("gain", "own")  # one column for each N


@dataclass(frozen=True)
class Gold:
    """What the gold utility of a block is, whatever scores it: computed once for all models.

    centred  (S, M) gold less the set's mean
    ranks    (S, M) its ranks less theirs
    spread   (S,)
    """

    centred: np.ndarray
    ranks: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, block: Block) -> "Gold":
        less = centred(block.gold)
        ranks = centred(Ranking.of(less).ranks())
        return cls(less, ranks, spread(block.gold))


def set_figures(score: np.ndarray, gold: Gold, sizes: Sequence[int]) -> np.ndarray:
    """(S, M) scores to (S, F): SINGLE, then CURVES for each N, of every set.

    ``rho`` and ``rank`` are Pearson's and Spearman's correlation with gold, of the ``known`` sets, where gold is not
    constant; ``hacked`` says that rho < 0, and ``rho_healthy``, ``rho_hacked`` are its two parts. ``variance`` is the
    score's; ``spread`` gold's s, ``rho_spread`` rho times it. ``gain`` is that of the best of N in gold over the set's
    mean; ``own`` the score of the best of N in the score's own spread: kappa(N) of its distribution. ``chance`` is the
    sampling variance of a correlation that is 0, under normality.
    """
    less = centred(score)
    ranking = Ranking.of(less)
    rho, rank = of_centred(less, gold.centred), of_centred(centred(ranking.ranks()), gold.ranks)
    known, variance = ~np.isnan(rho), np.square(less).mean(1)
    rho, rank = np.nan_to_num(rho), np.nan_to_num(rank)
    hacked, size = (rho < 0).astype(float), score.shape[1]
    scaled = less / np.where(variance > 0, spread(less), 1.0)[:, None]
    gain, own = (expected_best(values, less, sizes, ranking) for values in (gold.centred, scaled))  # (S,J)
    chance = known / (size - 1)
    single = (np.ones(len(rho)), known, rho, rank, hacked, rho.clip(0), -rho.clip(None, 0), variance)
    columns = [*single, gold.spread, rho * gold.spread, chance]
    return np.concatenate([np.stack([np.asarray(one, float) for one in columns], 1), gain, own], 1)


def slices_of(sizes: Sequence[int]) -> dict[str, slice]:
    """Where each figure lies among the columns of ``set_figures``."""
    single = {name: slice(place, place + 1) for place, name in enumerate(SINGLE)}
    starts = {name: len(SINGLE) + place * len(sizes) for place, name in enumerate(CURVES)}
    return single | {name: slice(start, start + len(sizes)) for name, start in starts.items()}


def summed(figures: np.ndarray, *keys: tuple[np.ndarray, int]) -> np.ndarray:
    """(S, F) to (K1, K2, ..., F): sums over the sets of each key; a key is its numbers (S,) and how many there are."""
    cell, shape = np.zeros(len(figures), dtype=np.int64), []
    for number, count in keys:
        cell = cell * count + number
        shape.append(count)
    total = int(np.prod(shape))
    return np.stack([np.bincount(cell, column, total) for column in figures.T], 1).reshape(*shape, -1)
