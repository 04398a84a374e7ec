"""Rows of preferences become the normalized tables: ids, duplicates, contradictions. Shared by all sources.

DuckDB works on hashes and numbers only. Text stays where Arrow read it, and is picked from there once per unique
(prompt, response). Rows come as a table, or batch by batch from files that are read twice, for their hashes and then
for the texts that are used: then memory holds the narrow columns and one batch.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import duckdb
import numpy as np
import pyarrow as pa

from prefactor.datasets.rows import EXAMPLES, is_blank
from prefactor.preferences import PAIRS, TEXTS, USERS, TextBatches

Connection = duckdb.DuckDBPyConnection
Batches = Callable[[], Iterable[pa.Table]]  # the same rows in the same order at every call

CONTENT_ID = """
CREATE TEMP MACRO content_id(a) AS substr(sha256(a), 1, 32),
    (a, b) AS substr(sha256(a || chr(31) || b), 1, 32),
    (a, b, c) AS substr(sha256(a || chr(31) || b || chr(31) || c), 1, 32)
"""

# What rows lack is null. The kind of every column is known before a first batch is.
OPTIONAL = {"group_id": pa.string(), "order": pa.int64(), "margin": pa.float64(), "model": pa.string()}

HASHED_PAIRS = """
CREATE TEMP TABLE hashed (row BIGINT, user_id VARCHAR, group_id VARCHAR, blank BOOLEAN, prompt_id VARCHAR,
    chosen VARCHAR, rejected VARCHAR, margin DOUBLE, "order" BIGINT)
"""

HASH_PAIRS = """
INSERT INTO hashed SELECT row, user_id, group_id, blank, content_id(prompt),
    content_id(prompt, chosen), content_id(prompt, rejected), margin, "order"
FROM batch
"""

PROPOSE_GIVEN_PAIRS = "CREATE TEMP TABLE proposed AS FROM hashed"

HASHED_RATINGS = """
CREATE TEMP TABLE hashed (row BIGINT, user_id VARCHAR, group_id VARCHAR, blank BOOLEAN, prompt_id VARCHAR,
    text_id VARCHAR, score DOUBLE, "order" BIGINT, model VARCHAR)
"""

HASH_RATINGS = """
INSERT INTO hashed SELECT row, user_id, group_id, blank, content_id(prompt), content_id(prompt, response), score,
    "order", model
FROM batch
"""

# One row per user, set and response. Different scores of one response become their mean.
RATE = """
CREATE TEMP TABLE rated AS
SELECT user_id, group_id, blank, prompt_id, text_id,
    CASE WHEN min(score) = max(score) THEN min(score) ELSE favg(score) END AS score,
    min(score) <> max(score) AS conflicting, count(*) AS times, min("order") AS "order", min(row) AS row,
    max(row) AS last, min(model) AS model
FROM hashed
GROUP BY user_id, group_id, blank, prompt_id, text_id
"""

COMPARE = """
CREATE TEMP TABLE sets AS
SELECT user_id, group_id, blank, prompt_id, count(*) AS responses, max(score) - min(score) AS margin,
    arg_min(text_id, row(-score, text_id)) AS chosen, arg_min(text_id, row(score, text_id)) AS rejected,
    min("order") AS "order", min(row) AS row
FROM rated
GROUP BY user_id, group_id, blank, prompt_id
"""

PROPOSE_EXTREMES = """
CREATE TEMP TABLE proposed AS FROM sets WHERE margin > 0 AND margin >= $minimum
"""

COUNT_LOST_SETS = """
SELECT count(*) FILTER (responses = 1) AS lone_responses,
    count(*) FILTER (responses > 1 AND margin = 0) AS tied_scores,
    count(*) FILTER (margin > 0 AND margin < $minimum) AS below_minimum_margin
FROM sets
"""

COUNT_RATINGS = """
SELECT coalesce(sum(times - 1) FILTER (NOT conflicting), 0)::BIGINT AS duplicate_ratings,
    count(*) FILTER (conflicting) AS conflicting_ratings
FROM rated
"""

# Where some of what was counted is: of a set its first row, of a response scored more than once the last.
DUPLICATE_PAIRS = "SELECT row FROM proposed ANTI JOIN kept USING (row) ORDER BY row"
LOST_SETS = {
    "lone_responses": "SELECT row FROM sets WHERE responses = 1 ORDER BY row",
    "tied_scores": "SELECT row FROM sets WHERE responses > 1 AND margin = 0 ORDER BY row",
    "below_minimum_margin": "SELECT row FROM sets WHERE margin > 0 AND margin < $minimum ORDER BY row",
}
REPEATED_RATINGS = {
    "duplicate_ratings": "SELECT last FROM rated WHERE times > 1 AND NOT conflicting ORDER BY last",
    "conflicting_ratings": "SELECT last FROM rated WHERE conflicting ORDER BY last",
}
USERS_WITHOUT_PAIRS = "SELECT user_id FROM rated ANTI JOIN kept USING (user_id) GROUP BY user_id ORDER BY min(row)"

# Without a prompt to tell groups apart, the two texts themselves are the group.
KEEP = """
CREATE TEMP TABLE kept AS
SELECT row, user_id, chosen, rejected, margin, "order",
    coalesce(group_id, CASE WHEN blank THEN content_id(least(chosen, rejected), greatest(chosen, rejected))
        ELSE prompt_id END) AS group_id
FROM proposed
QUALIFY row_number() OVER (PARTITION BY user_id, chosen, rejected ORDER BY row) = 1
"""

PAIRS_IN_ORDER = """
SELECT content_id(user_id, chosen, rejected) AS pair_id, user_id, group_id, chosen, rejected, margin, "order"
FROM kept ORDER BY row
"""

USERS_IN_ORDER = "SELECT user_id FROM kept GROUP BY user_id ORDER BY min(row)"

CONTRADICTIONS = """
SELECT a.user_id AS user_id, a.row AS first, b.row AS second
FROM kept a JOIN kept b ON a.user_id = b.user_id AND a.chosen = b.rejected AND a.rejected = b.chosen AND a.row < b.row
ORDER BY a.row
"""

# Where each text first appears: row * (number of response columns) + index of the column.
FIRST_IN_PAIRS = """
SELECT text_id, min(position) AS position
FROM (SELECT chosen AS text_id, 2 * row AS position FROM kept UNION ALL SELECT rejected, 2 * row + 1 FROM kept)
GROUP BY text_id ORDER BY position
"""

FIRST_IN_RATINGS = """
SELECT text_id, min(row) AS position
FROM rated SEMI JOIN (SELECT chosen AS text_id FROM kept UNION ALL SELECT rejected FROM kept) used USING (text_id)
GROUP BY text_id ORDER BY position
"""

# With candidates, every response to a prompt of a kept pair is a text, whether or not it is in the pair.
CANDIDATES_IN_ORDER = """
SELECT group_id, text_id, score, model
FROM rated SEMI JOIN (SELECT DISTINCT user_id, group_id FROM kept) USING (user_id, group_id)
ORDER BY row
"""

FIRST_OF_CANDIDATES = """
SELECT text_id, min(row) AS position
FROM rated SEMI JOIN (SELECT DISTINCT user_id, group_id FROM kept) USING (user_id, group_id)
GROUP BY text_id ORDER BY position
"""


@dataclass(frozen=True)
class Normalized:
    """The normalized tables of some rows, what was left out of them (reason -> count), and what was noticed.

    ``examples`` has the 0-based indices of the first few rows that were left out or noticed, by the same reasons; of
    users without pairs, their ids.

    ``contradictions`` has one row for two responses that one user preferred both ways: user_id, and the 0-based
    indices ``first`` and ``second`` of the rows that say so. ``candidates``, where asked for: group_id, text_id, score
    and model of everything that was scored in the groups of ``pairs``.
    """

    texts: pa.Table | TextBatches
    pairs: pa.Table
    users: pa.Table
    contradictions: pa.Table
    dropped: Mapping[str, int]
    noted: Mapping[str, int]
    candidates: pa.Table | None = None
    examples: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)


def from_pairs(rows: pa.Table | Batches) -> Normalized:
    """Normalize given pairs: user_id, prompt, chosen, rejected and, where known, group_id, order and margin.

    Texts and ids are strings without null; ``prompt`` is free of U+001F, which separates the parts of an id. The
    first of several equal pairs of a user is kept. The group defaults to the prompt.
    """
    with _connect() as connection:
        _hash(connection, rows, HASHED_PAIRS, HASH_PAIRS)
        connection.execute(PROPOSE_GIVEN_PAIRS)
        return _normalize(connection, rows, ("chosen", "rejected"), FIRST_IN_PAIRS)


def from_scores(rows: pa.Table | Batches, minimum_margin: float = 0.0, candidates: bool = False) -> Normalized:
    """Normalize scored responses: user_id, prompt, response, score and, where known, group_id, order and model.

    A set is what one user scored for one prompt (within one group, where groups are given); its highest- and its
    lowest-scored response are a pair, whose margin is the difference of their scores. Sets of one response, tied
    sets and those whose margin is below ``minimum_margin`` are dropped and counted. ``candidates`` keeps whole sets
    beside the pairs; groups must then be given, and be one user's each.
    """
    with _connect() as connection:
        _hash(connection, rows, HASHED_RATINGS, HASH_RATINGS)
        connection.execute(RATE)
        connection.execute(COMPARE)
        connection.execute(PROPOSE_EXTREMES, {"minimum": minimum_margin})
        lost = _counts(connection, COUNT_LOST_SETS, {"minimum": minimum_margin})
        examples = _examples_of_scores(connection, minimum_margin)
        ratings = _counts(connection, COUNT_RATINGS)
        done = _normalize(connection, rows, ("response",), FIRST_OF_CANDIDATES if candidates else FIRST_IN_RATINGS)
        everyone = _counts(connection, "SELECT count(DISTINCT user_id) AS users FROM rated")["users"]
        idle = _first(connection, USERS_WITHOUT_PAIRS)
        sets = connection.sql(CANDIDATES_IN_ORDER).to_arrow_table() if candidates else None
    lost |= {"duplicate_ratings": ratings["duplicate_ratings"], "users_without_pairs": everyone - len(done.users)}
    noted = {"conflicting_ratings": ratings["conflicting_ratings"]}
    return replace(
        done,
        dropped={**done.dropped, **lost},
        noted={**done.noted, **noted},
        candidates=sets,
        examples={**done.examples, **examples, "users_without_pairs": idle},
    )


def _connect() -> Connection:
    """A database in memory that loads nothing and knows ``content_id``."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    connection.execute(CONTENT_ID)
    return connection


def _hash(connection: Connection, rows: pa.Table | Batches, table: str, insert: str) -> None:
    """Fill the table ``hashed``: rows with their index, and hashes in the place of texts."""
    connection.execute(table)
    start = 0
    for batch in _batches(rows):
        absent = {name: pa.nulls(len(batch), kind) for name, kind in OPTIONAL.items() if name not in batch.column_names}
        for name, values in absent.items():
            batch = batch.append_column(name, values)
        numbered = batch.append_column("row", pa.array(np.arange(start, start + len(batch))))
        connection.register("batch", numbered.append_column("blank", is_blank(batch["prompt"])))
        connection.execute(insert)
        connection.unregister("batch")
        start += len(batch)


def _batches(rows: pa.Table | Batches) -> Iterable[pa.Table]:
    return [rows] if isinstance(rows, pa.Table) else rows()


def _counts(connection: Connection, query: str, values: Mapping[str, float] | None = None) -> dict[str, int]:
    """The one row of numbers that ``query`` gives, by column name."""
    counts: dict[str, int] = connection.sql(query, params=values).to_arrow_table().to_pylist()[0]
    return counts


def _examples_of_scores(connection: Connection, minimum_margin: float) -> dict[str, tuple[int | str, ...]]:
    """The first rows of each reason for which sets and ratings are left out."""
    values = {"minimum": minimum_margin}
    sets = {name: _first(connection, query, values if "$" in query else None) for name, query in LOST_SETS.items()}
    return sets | {name: _first(connection, query) for name, query in REPEATED_RATINGS.items()}


def _first(connection: Connection, query: str, values: Mapping[str, float] | None = None) -> tuple[int | str, ...]:
    """The first few values of the one column that ``query`` gives."""
    return tuple(value for (value,) in connection.sql(query, params=values).limit(EXAMPLES).fetchall())


def _normalize(
    connection: Connection, rows: pa.Table | Batches, responses: tuple[str, ...], first_places: str
) -> Normalized:
    """The normalized tables of the pairs in the table ``proposed``."""
    connection.execute(KEEP)
    pairs = connection.sql(PAIRS_IN_ORDER).to_arrow_table().cast(PAIRS)
    contradictions = connection.sql(CONTRADICTIONS).to_arrow_table()
    proposed = _counts(connection, "SELECT count(*) AS pairs FROM proposed")["pairs"]
    first = connection.sql(first_places).to_arrow_table()
    texts = TextBatches(lambda: _texts(rows, responses, first))
    return Normalized(
        texts=texts.table() if isinstance(rows, pa.Table) else texts,
        pairs=pairs,
        users=connection.sql(USERS_IN_ORDER).to_arrow_table().cast(USERS),
        contradictions=contradictions,
        dropped={"duplicate_pairs": proposed - len(pairs)},
        noted={"contradictory_pairs": len(contradictions)},
        examples={
            "duplicate_pairs": _first(connection, DUPLICATE_PAIRS),
            "contradictory_pairs": tuple(contradictions["second"].slice(0, EXAMPLES).to_pylist()),
        },
    )


def _texts(rows: pa.Table | Batches, responses: tuple[str, ...], first: pa.Table) -> Iterator[pa.Table]:
    """Each text once, from the place where it first appears; ``first`` is sorted by place, so rows are too."""
    places, sides, start = first["position"].to_numpy(), len(responses), 0
    for batch in _batches(rows):
        stop = start + sides * len(batch)
        inside = slice(*np.searchsorted(places, [start, stop]))
        found = first["text_id"].slice(inside.start, inside.stop - inside.start)
        yield _picked(batch, responses, places[inside] - start, found)
        start = stop


def _picked(batch: pa.Table, responses: tuple[str, ...], places: np.ndarray, text_ids: pa.ChunkedArray) -> pa.Table:
    """The texts of one batch at ``places``: row * (number of response columns) + index of the column."""
    parts = []
    for side, column in enumerate(responses):
        mine = places % len(responses) == side
        mask = np.zeros(len(batch), dtype=bool)
        mask[places[mine] // len(responses)] = True
        picked = batch.select(["prompt", column]).filter(pa.array(mask)).rename_columns(["prompt", "response"])
        parts.append(picked.add_column(0, "text_id", text_ids.filter(pa.array(mine))))
    return pa.concat_tables(parts).cast(TEXTS)
