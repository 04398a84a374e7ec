"""The sets of a pool as one score sees them: their figures, whose they are, and their sums without some items."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from prefactor.evaluation.scaling.folds import FOLDS, has_several_sets
from prefactor.evaluation.scaling.noise import CELLS, cells
from prefactor.evaluation.scaling.pool import Pool
from prefactor.evaluation.scaling.sums import SINGLE, Gold, set_figures, summed

NOISE_SIZES = 4  # sizes of sets whose noise is told apart; of more, near ones are taken together


@dataclass(frozen=True)
class Sums:
    """Of every user, for each half of the pool: ``figures`` (U, 2, F), and ``cells`` (U, G * CELLS), how many of the
    user's sets have a correlation in each cell, for each of G sizes."""

    figures: np.ndarray
    cells: np.ndarray

    def less(self, other: "Sums") -> "Sums":
        """Without the sets of another."""
        return Sums(self.figures - other.figures, self.cells - other.cells)


@dataclass(frozen=True)
class SetTable:
    """S sets: ``figures`` (S, F), and the numbers (S,) of each set's user, query, half, and cell of its correlation."""

    figures: np.ndarray
    user: np.ndarray
    query: np.ndarray
    fold: np.ndarray
    cell: np.ndarray

    def sums(self, users: int, cells: int, rows: np.ndarray | slice = slice(None)) -> Sums:
        """Of all sets, or of some rows."""
        figures, user, known = self.figures[rows], self.user[rows], self.figures[rows, SINGLE.index("known")] > 0
        counted = summed(known[:, None].astype(float), (user, users), (self.cell[rows], cells))[..., 0]
        return Sums(summed(figures, (user, users), (self.fold[rows], FOLDS)), counted)

    def correlations(self) -> np.ndarray:
        """(S',) those of the sets where gold differs."""
        known = self.figures[:, SINGLE.index("known")] > 0
        return self.figures[known, SINGLE.index("rho")]


@dataclass(frozen=True)
class Frame:
    """What is the same for all scores of a pool.

    gold          of each block
    user_fold, query_fold  (U,), (Q,) whose sum modulo 2 is a set's half
    noise_group   of each block, the number of its size among the G whose noise is told apart
    single        whether most users have one set alone
    """

    pool: Pool
    gold: tuple[Gold, ...]
    user_fold: np.ndarray
    query_fold: np.ndarray
    noise_group: tuple[int, ...]
    groups: int
    single: bool

    @classmethod
    def of(cls, pool: Pool, folds: tuple[np.ndarray, np.ndarray], edges: np.ndarray) -> "Frame":
        """``edges`` part sizes of sets into groups."""
        groups = tuple(int(np.digitize(block.gold.shape[1], edges)) for block in pool.blocks)
        gold = tuple(Gold.of(block) for block in pool.blocks)
        return cls(pool, gold, *folds, groups, len(edges) + 1, not has_several_sets(pool))

    def table(self, model: str, seed: int, sizes: Sequence[int]) -> SetTable:
        """All sets as one score sees them; ``model`` "" is gold's own. A larger N than a set has is all of it."""
        found, blocks = [], self.pool.blocks
        scores = [block.scores[model][seed] if model else block.gold for block in blocks]
        largest = max(np.abs(score).max() for score in scores) or 1.0  # the squares of tiny scores are 0
        for block, score, gold, group in zip(blocks, scores, self.gold, self.noise_group, strict=True):
            figures = set_figures(score / largest, gold, [min(size, block.gold.shape[1]) for size in sizes])
            found.append((figures, group * CELLS + cells(figures[:, SINGLE.index("rho")])))
        user, query = (np.concatenate([getattr(block, name) for block in blocks]) for name in ("user", "query"))
        fold = (self.user_fold[user] + self.query_fold[query]) % FOLDS
        return SetTable(np.concatenate([f for f, _ in found]), user, query, fold, np.concatenate([c for _, c in found]))

    def sums(self, table: SetTable) -> Sums:
        """Of all its sets."""
        return table.sums(len(self.pool.user_ids), self.groups * CELLS)


def noise_edges(pool: Pool) -> np.ndarray:
    """What parts sizes of sets into at most NOISE_SIZES groups."""
    size = np.concatenate([np.full(len(block.user), block.gold.shape[1]) for block in pool.blocks])
    distinct = np.unique(size)
    if len(distinct) <= NOISE_SIZES:
        return distinct[1:].astype(float)
    return np.unique(np.quantile(size, np.arange(1, NOISE_SIZES) / NOISE_SIZES))


def group_sizes(pool: Pool, edges: np.ndarray) -> np.ndarray:
    """(G,) candidates of the sets of each group, the mean; NaN for an empty one."""
    size = np.array([block.gold.shape[1] for block in pool.blocks])
    sets = np.array([len(block.user) for block in pool.blocks])
    group = np.digitize(size, edges)
    count = np.bincount(group, sets, len(edges) + 1)
    return np.divide(
        np.bincount(group, sets * size, len(edges) + 1), count, out=np.full(count.shape, np.nan), where=count > 0
    )


def without_queries(frame: Frame, table: SetTable, block: np.ndarray, blocks: int) -> Iterator[Sums]:
    """The sums without each block of queries, whose number ``block`` (Q,) says."""
    users, cells = len(frame.pool.user_ids), frame.groups * CELLS
    whole, mine = frame.sums(table), block[table.query]
    for number in range(blocks):
        yield whole.less(table.sums(users, cells, np.flatnonzero(mine == number)))
