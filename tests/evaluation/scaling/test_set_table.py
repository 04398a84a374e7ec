"""Sets by size: whose noise is told apart, and sums without what is left out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from prefactor.evaluation.scaling.folds import fold_numbers
from prefactor.evaluation.scaling.pool import Pool, read_pool
from prefactor.evaluation.scaling.set_table import NOISE_SIZES, Frame, group_sizes, noise_edges, without_queries


def pool_of(sizes: Sequence[int], users: int = 3) -> Pool:
    """Every user has one query of each size, the same as everyone's."""
    rows = [(f"u{u}", f"q{size}", f"{size}-{c}") for u in range(users) for size in sizes for c in range(size)]
    table = pd.DataFrame(rows, columns=["user", "query", "candidate"])
    gold, score = np.random.default_rng(0).standard_normal((2, len(table)))
    return read_pool(table.assign(gold=gold, score=score))


def frame_of(pool: Pool) -> Frame:
    return Frame.of(pool, fold_numbers(pool), noise_edges(pool))


def test_a_few_sizes_are_told_apart() -> None:
    pool = pool_of([4, 7, 9, 30])
    assert frame_of(pool).noise_group == (0, 1, 2, 3)
    assert group_sizes(pool, noise_edges(pool)) == pytest.approx([4, 7, 9, 30])


@pytest.mark.parametrize("sizes", [range(4, 17), [4, 5, 6, 7, 200], [4, 5, 6, 7, 8, 8, 8]])
def test_of_many_sizes_near_ones_are_taken_together(sizes: Sequence[int]) -> None:
    pool = pool_of([*dict.fromkeys(sizes)])
    frame, known = frame_of(pool), group_sizes(pool, noise_edges(pool))
    assert frame.groups == len(known) <= NOISE_SIZES
    assert list(frame.noise_group) == sorted(frame.noise_group)  # blocks are in order of size
    for group in set(frame.noise_group):
        size = [block.gold.shape[1] for block, own in zip(pool.blocks, frame.noise_group, strict=True) if own == group]
        assert known[group] == pytest.approx(np.mean(size))  # as many sets of each


def test_all_sets_are_counted_in_the_cells_of_their_group() -> None:
    pool = pool_of(range(4, 12))
    frame = frame_of(pool)
    sums = frame.sums(frame.table("score", 0, (1, 2, 4)))
    assert sums.cells.sum() == pool.sets and len(frame.table("score", 0, (1,)).correlations()) == pool.sets
    by_group = sums.cells.reshape(len(pool.user_ids), frame.groups, -1).sum((0, 2))
    assert by_group.tolist() == np.bincount(np.repeat(frame.noise_group, len(pool.user_ids))).tolist()


def test_sums_without_queries_are_those_of_a_pool_without_them() -> None:
    pool = pool_of([4, 5, 6])
    frame = frame_of(pool)
    table = frame.table("score", 0, (1, 2, 4))
    whole = frame.sums(table)
    without = [*without_queries(frame, table, np.array([0, 1, 1]), 2)]
    kept = table.sums(len(pool.user_ids), whole.cells.shape[1], table.query == 0)
    assert without[1].figures == pytest.approx(kept.figures) and (without[1].cells == kept.cells).all()
    assert without[0].cells.sum() == 2 * len(pool.user_ids)
