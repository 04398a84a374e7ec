"""Two halves of a pool: what is estimated on one predicts the other."""

from dataclasses import replace

import numpy as np

from prefactor.evaluation.scaling.pool import Pool
from prefactor.seeds import mixed_seed

FOLDS = 2


def has_several_sets(pool: Pool) -> bool:
    """Whether most users have several sets, one for each of their queries."""
    sets = np.bincount(np.concatenate([block.user for block in pool.blocks]), minlength=len(pool.user_ids))
    return bool(np.median(sets) >= FOLDS)


def fold_numbers(pool: Pool) -> tuple[np.ndarray, np.ndarray]:
    """The half (U,) that users add to a query's, and the half (Q,) of queries: their sum modulo 2 is that of a set.

    A random half, always the same; a query that users share is in one half for all of them.
    """
    users, queries = len(pool.user_ids), len(pool.query_ids)
    by_query = has_several_sets(pool)
    drawn = _halves(queries if by_query else users)
    return (np.zeros(users, dtype=np.int64), drawn) if by_query else (drawn, np.zeros(queries, dtype=np.int64))


def halved(pool: Pool, least: int) -> tuple[Pool, tuple[np.ndarray, np.ndarray]]:
    """The pool with every set parted into two, as if they were of two queries, by halves of the candidates; its folds.

    A candidate is in one half for all users. ``least``: halves of fewer candidates go.
    """
    half = _halves(len(pool.candidate_ids))
    parts = [(block, number) for block in pool.blocks for number in range(FOLDS)]
    blocks = [
        replace(part, query=FOLDS * part.query + number)
        for block, number in parts
        for part in block.kept(half[block.candidate] == number)
        if part.gold.shape[1] >= least
    ]
    names = tuple(f"{query}/{number}" for query in pool.query_ids for number in range(FOLDS))
    folds = np.zeros(len(pool.user_ids), dtype=np.int64), np.arange(len(names)) % FOLDS
    return replace(pool, query_ids=names, blocks=tuple(blocks)), folds


def _halves(count: int) -> np.ndarray:
    return np.random.default_rng(mixed_seed(0, "scaling", "folds")).permutation(count) % FOLDS
