"""Which pairs of jokes stand for a person: drawn at random among those that they rated clearly apart."""

from collections.abc import Iterator
from itertools import combinations

import duckdb
import numpy as np
import pyarrow as pa

from prefactor.datasets.jester.parameters import JesterParameters
from prefactor.datasets.jester.ratings import DECIMALS, Ratings
from prefactor.datasets.pairing import CONTENT_ID
from prefactor.preferences import PAIRS, content_id
from prefactor.progress import progress
from prefactor.seeds import mixed_seed

CELLS_AT_ONCE = 2**21  # (user, pair of jokes) cells in memory together: 16 MiB a number


def draw_pairs(ratings: Ratings, parameters: JesterParameters) -> tuple[pa.Table, dict[str, int]]:
    """The table ``pairs``, and how many pairs were left out: too close, or not drawn.

    One random stream runs over people in order, so that the pairs of the first are the same whoever follows. Memory
    beside the table itself is bounded, whatever the number of people.
    """
    first, second = np.triu_indices(len(ratings.texts), 1)  # (P,) the pairs of jokes
    names = _Names(ratings)
    batches, close, spare = [], 0, 0
    with duckdb.connect() as connection, progress("jester", len(ratings.rating), "users") as shown:
        connection.execute(CONTENT_ID)
        for start, keys in _keys(len(ratings.rating), len(first), parameters.seed):
            rating = ratings.rating[start : start + len(keys)]
            difference = np.round(rating[:, first] - rating[:, second], DECIMALS)  # (u,P), NaN where one is not rated
            apart = np.abs(difference) > parameters.margin
            user, pair = _least(np.where(apart, keys, np.inf), parameters.pairs_per_user)
            close += int((~np.isnan(difference)).sum() - apart.sum())
            spare += int(apart.sum()) - len(pair)
            batches.append(names.rows(start + user, pair, difference[user, pair], connection))
            shown.advance(len(keys))
    return pa.concat_tables(batches).cast(PAIRS), {"pairs_within_margin": close, "pairs_not_drawn": spare}


def _keys(users: int, pairs: int, seed: int) -> Iterator[tuple[int, np.ndarray]]:
    """Random numbers (u, P) for some people at a time, with the row of the first."""
    stream = np.random.default_rng(mixed_seed(seed, "jester", "pairs"))
    chunk = max(1, CELLS_AT_ONCE // pairs)
    for start in range(0, users, chunk):
        yield start, stream.random((min(chunk, users - start), pairs))


def _least(keys: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the ``count`` least finite numbers of each row of ``keys`` (u, P), column by column."""
    if count < keys.shape[1]:
        columns = np.sort(np.argpartition(keys, count - 1, axis=1)[:, :count], axis=1)
    else:
        columns = np.broadcast_to(np.arange(keys.shape[1]), keys.shape)
    drawn = np.isfinite(np.take_along_axis(keys, columns, axis=1))
    return np.nonzero(drawn)[0], columns[drawn]


class _Names:
    """What rows are called in the tables."""

    def __init__(self, ratings: Ratings) -> None:
        text_ids = ratings.texts["text_id"].combine_chunks()
        pairs = list(combinations(text_ids.to_pylist(), 2))  # in the order of triu_indices
        self.users = ratings.user_ids
        self.first = pa.array([first for first, _ in pairs], pa.string())
        self.second = pa.array([second for _, second in pairs], pa.string())
        self.groups = pa.array([content_id(*sorted(pair)) for pair in pairs], pa.string())

    def rows(
        self, user: np.ndarray, pair: np.ndarray, difference: np.ndarray, connection: duckdb.DuckDBPyConnection
    ) -> pa.Table:
        """Rows of the table ``pairs``: (n,) person, pair of jokes, and rating of the first less that of the second."""
        user_id, group = self.users.take(pa.array(user)), self.groups.take(pa.array(pair))
        first, second = self.first.take(pa.array(pair)), self.second.take(pa.array(pair))
        wins = pa.array(difference > 0)
        chosen, rejected = pa.compute.if_else(wins, first, second), pa.compute.if_else(wins, second, first)
        named = pa.table({"user_id": user_id, "chosen": chosen, "rejected": rejected})
        connection.register("named", named)
        hashed = connection.sql("SELECT content_id(user_id, chosen, rejected) AS pair_id FROM named").to_arrow_table()
        order = pa.nulls(len(named), pa.int64())
        margin = pa.array(np.abs(difference))
        return pa.table([hashed["pair_id"], user_id, group, chosen, rejected, margin, order], names=PAIRS.names)
