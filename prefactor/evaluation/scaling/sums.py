"""What a score makes of every set of candidates, summed by user and half: all that any figure is made from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prefactor.evaluation.scaling.best import place_weights
from prefactor.evaluation.scaling.correlations import centred, pearson
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

    centred (S, M) gold less the set's mean; ranks (S, M); spread (S,); raw (S,) its standard deviation as it is
    """

    centred: np.ndarray
    ranks: np.ndarray
    spread: np.ndarray
    raw: np.ndarray

    @classmethod
    def of(cls, block: Block) -> "Gold":
        less = centred(block.gold)
        return cls(less, Ranking.of(block.gold).ranks(), spread(block.gold), np.sqrt(np.square(less).mean(1)))


def set_figures(score: np.ndarray, gold: Gold, sizes: Sequence[int]) -> np.ndarray:
    """(S, M) scores to (S, F): SINGLE, then CURVES for each N, of every set.

    ``rho`` and ``rank`` are Pearson's and Spearman's correlation with gold, of the ``known`` sets, where gold is not
    constant; ``hacked`` says that rho < 0, and ``rho_healthy``, ``rho_hacked`` are its two parts. ``variance`` is the
    score's; ``spread`` gold's s, ``rho_spread`` rho times it. ``gain`` is that of the best of N in gold over the set's
    mean; ``own`` the standardised score of the best of N: kappa(N) of the score's own distribution. ``chance`` is the
    noise of rho, its sampling variance under normality.
    """
    ranking = Ranking.of(score)
    rho, less = pearson(score, gold.centred), centred(score)
    rank = pearson(ranking.ranks(), gold.ranks)
    known, variance = ~np.isnan(rho), np.square(less).mean(1)
    rho, rank = np.nan_to_num(rho), np.nan_to_num(rank)
    hacked, size = (rho < 0).astype(float), score.shape[1]
    weights = place_weights(size, sizes)  # (M,J)
    gain = ranking.in_order(gold.centred) @ weights  # (S,M)@(M,J)
    scaled = less / np.sqrt(np.where(variance > 0, variance, 1.0))[:, None]
    own = ranking.in_order(scaled) @ weights
    chance = np.square(1 - rho**2) / max(size - 1, 1) * known
    single = (np.ones(len(rho)), known, rho, rank, hacked, rho.clip(0), -rho.clip(None, 0), variance)
    columns = [*single, gold.spread, rho * gold.raw, chance]
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
