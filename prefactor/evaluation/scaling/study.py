"""A pool, prepared for its diagnosis: what is left out of it for the wider interval, and how its users are weighed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np

from prefactor.evaluation.intervals import RESAMPLES
from prefactor.evaluation.items import BLOCKS, USERS, dealt
from prefactor.evaluation.scaling.best import sizes_of
from prefactor.evaluation.scaling.folds import FOLDS, fold_numbers, halved
from prefactor.evaluation.scaling.means import Means, model_means
from prefactor.evaluation.scaling.model_figures import Key, Values
from prefactor.evaluation.scaling.pool import Pool
from prefactor.evaluation.scaling.replicates import Weighings
from prefactor.evaluation.scaling.set_table import Frame, SetTable, Sums, group_sizes, noise_edges, without_queries
from prefactor.evaluation.scaling.shared import shared_by_users

LEAST_SHARED = 2  # candidates of a set: without one there is nothing to choose
LEAST_HALVED = 8  # of fewer, a half has too few to correlate
MOST_ITEMS = BLOCKS  # left out one by one; fewer than of pairs, for without each all sets are computed again


@dataclass(frozen=True)
class Part:
    """Sets with their halves, the N of their curves, and the same ``without`` each block of candidates."""

    frame: Frame
    sizes: tuple[int, ...]
    without: tuple[Frame, ...]


@dataclass(frozen=True)
class Study:
    """What all models of a pool have in common.

    whole       all sets
    halves      what laws are made from and held against: the same, but that sets are parted in two where users have one
                each of shared candidates, or both halves would be about the same ones
    shared      what users share: ``queries``, ``candidates`` or nothing
    items       of each query or candidate that they share, the number of the block that it is left out with
    candidates  (G,) of a set, the mean of each group of set sizes whose noise is told apart
    """

    whole: Part
    halves: Part
    shared: str
    items: np.ndarray
    weighings: Weighings
    candidates: np.ndarray

    @classmethod
    def of(cls, pool: Pool, sizes: tuple[int, ...]) -> Self:
        """``sizes``: the N of all curves."""
        shared = _shared(pool)
        items = dealt(
            {"queries": len(pool.query_ids), "candidates": len(pool.candidate_ids), "": 0}[shared], MOST_ITEMS
        )
        count = int(items.max(initial=-1)) + 1
        blocks = [np.flatnonzero(items == number) for number in range(count)] if shared == "candidates" else []
        left = [pool.without_candidates(numbers) for numbers in blocks]
        whole = _part([pool, *left], [fold_numbers(pool)] * (1 + len(left)), sizes)
        halves = whole
        if shared == "candidates" and whole.frame.single and pool.least >= LEAST_HALVED:
            halved_sizes = sizes_of(pool.least // FOLDS, sizes)
            least = halved_sizes[-1] - 1  # without one of them
            parts, folds = zip(*(halved(one, least) for one in (pool, *left)), strict=True)
            halves = _part(parts, folds, halved_sizes)
        weighings = Weighings(len(pool.user_ids), RESAMPLES, count)
        return cls(whole, halves, shared, items, weighings, group_sizes(pool, noise_edges(pool)))

    def means(self, part: Part, model: str, seeds: int) -> Means:
        """Of one model; "" is gold's own choice."""
        left_out = partial(self._left_out, part)
        return model_means(part.frame, model, seeds, part.sizes, self.weighings, left_out)

    def _left_out(self, part: Part, model: str, seed: int, table: SetTable) -> Iterator[Sums]:
        if self.shared == "queries":
            yield from without_queries(part.frame, table, self.items, self.weighings.items)
        for frame in part.without:
            yield frame.sums(frame.table(model, seed, part.sizes))

    def rows(self, model: str, figures: Mapping[Key, Values]) -> Iterator[dict[str, object]]:
        """The rows of one model's figures."""
        pool = self.whole.frame.pool
        counts = {
            "n_users": len(pool.user_ids),
            "n_queries": len(pool.query_ids),
            "n_items": self.weighings.items or None,
        }
        resampled = f"{USERS}; {USERS} and {self.shared}" if self.shared else USERS
        for key, found in figures.items():
            own, wider = found.weighings.intervals(found.values)
            ends = {"low_items": wider.low, "high_items": wider.high, "resampled": resampled}
            yield {"model": model, "metric": key.metric, "law": key.law, "n": key.n, **own.columns(), **ends, **counts}

    def _halves(self) -> str:
        """Of what the laws' two halves are."""
        if self.halves is not self.whole:
            return "candidates"
        return "users" if self.whole.frame.single else "queries"

    def about(self) -> dict[str, Any]:
        """What the diagnosis was made of."""
        pool = self.whole.frame.pool
        size = [block.gold.shape[1] for block in pool.blocks]
        return {
            "users": len(pool.user_ids),
            "queries": len(pool.query_ids),
            "sets": pool.sets,
            "candidates": {"least": min(size), "most": max(size)},
            "seeds": {model: len(score) for model, score in pool.blocks[0].scores.items()},
            "shared": self.shared,
            "halves": self._halves(),
            "sizes": list(self.whole.sizes),
        }


def _shared(pool: Pool) -> str:
    """What users share, as far as something is left without any of it."""
    user, query = (np.concatenate([getattr(block, name) for block in pool.blocks]) for name in ("user", "query"))
    shared = shared_by_users(user, query, [block.candidate for block in pool.blocks])
    return "" if shared == "candidates" and pool.least <= LEAST_SHARED else shared


def _part(pools: Sequence[Pool], folds: Sequence[tuple[np.ndarray, np.ndarray]], sizes: tuple[int, ...]) -> Part:
    """Of a pool, and the same without each block of candidates."""
    edges = noise_edges(pools[0])
    frames = [Frame.of(pool, own, edges) for pool, own in zip(pools, folds, strict=True)]
    return Part(frames[0], sizes, tuple(frames[1:]))
