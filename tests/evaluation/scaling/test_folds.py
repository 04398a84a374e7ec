"""Two halves: nothing of one is in the other."""

import numpy as np
import pandas as pd

from prefactor.evaluation.scaling.folds import FOLDS, fold_numbers, has_several_sets
from prefactor.evaluation.scaling.pool import Pool, read_pool
from prefactor.evaluation.scaling.set_table import Frame, noise_edges


def pool_of(users: int, queries: int) -> Pool:
    """All users share all queries."""
    rows = [(f"u{u:02}", f"q{q:02}", f"c{c}") for u in range(users) for q in range(queries) for c in range(3)]
    table = pd.DataFrame(rows, columns=["user", "query", "candidate"])
    gold, score = np.random.default_rng(0).standard_normal((2, len(table)))
    return read_pool(table.assign(gold=gold, score=score))


def halves(pool: Pool) -> pd.DataFrame:
    """Of every set its user, query and half."""
    found = Frame.of(pool, fold_numbers(pool), noise_edges(pool)).table("score", 0, (1,))
    return pd.DataFrame({"user": found.user, "query": found.query, "fold": found.fold})


def test_a_shared_query_is_in_one_half_for_all() -> None:
    pool = pool_of(users=7, queries=9)
    found = halves(pool)
    assert has_several_sets(pool) and (found.groupby("query")["fold"].nunique() == 1).all()
    assert (found.groupby("user")["fold"].nunique() == FOLDS).all()
    assert sorted(found.drop_duplicates("query")["fold"].value_counts()) == [4, 5]


def test_halves_are_of_users_where_most_have_one_query() -> None:
    pool = pool_of(users=10, queries=1)
    found = halves(pool)
    assert not has_several_sets(pool) and found.groupby("fold")["user"].nunique().tolist() == [5, 5]


def test_halves_are_always_the_same() -> None:
    first, second = (fold_numbers(pool_of(users=3, queries=8)) for _ in range(2))
    assert all((mine == other).all() for mine, other in zip(first, second, strict=True))
