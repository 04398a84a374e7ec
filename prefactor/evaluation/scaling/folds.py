"""Two halves of a pool: what is estimated on one predicts the other."""

import numpy as np

from prefactor.evaluation.scaling.pool import Pool
from prefactor.seeds import mixed_seed

FOLDS = 2


def folds_by_query(pool: Pool) -> bool:
    """Whether halves are of queries, as most users have several; else they are of users."""
    sets = np.bincount(np.concatenate([block.user for block in pool.blocks]), minlength=len(pool.user_ids))
    return bool(np.median(sets) >= FOLDS)


def fold_numbers(pool: Pool) -> tuple[np.ndarray, np.ndarray]:
    """The half (U,) that users add to a query's, and the half (Q,) of queries: their sum modulo 2 is that of a set.

    A random half, always the same; a query that users share is in one half for all of them.
    """
    users, queries = len(pool.user_ids), len(pool.query_ids)
    by_query = folds_by_query(pool)
    drawn = _halves(queries if by_query else users)
    return (np.zeros(users, dtype=np.int64), drawn) if by_query else (drawn, np.zeros(queries, dtype=np.int64))


def _halves(count: int) -> np.ndarray:
    return np.random.default_rng(mixed_seed(0, "scaling", "folds")).permutation(count) % FOLDS
