"""Rows of preferences become the normalized tables: ids, duplicates, contradictions. Shared by all sources.

DuckDB works on hashes and numbers only. Text stays where Arrow read it, and is picked from there once per unique
(prompt, response), chunk by chunk, so that memory stays near the size of the rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa

from prefactor.datasets.rows import is_blank
from prefactor.preferences import PAIRS, TEXTS, USERS

Connection = duckdb.DuckDBPyConnection

CONTENT_ID = """
CREATE TEMP MACRO content_id(a) AS substr(sha256(a), 1, 32),
    (a, b) AS substr(sha256(a || chr(31) || b), 1, 32),
    (a, b, c) AS substr(sha256(a || chr(31) || b || chr(31) || c), 1, 32)
"""

PROPOSE_GIVEN_PAIRS = """
CREATE TEMP TABLE proposed AS
SELECT row, user_id, group_id, blank, content_id(prompt) AS prompt_id,
    content_id(prompt, chosen) AS chosen, content_id(prompt, rejected) AS rejected, margin, "order"
FROM rows
"""

# One row per user, set and response. Different scores of one response become their mean.
RATE = """
CREATE TEMP TABLE rated AS
SELECT user_id, group_id, blank, prompt_id, text_id,
    CASE WHEN min(score) = max(score) THEN min(score) ELSE favg(score) END AS score,
    min(score) <> max(score) AS conflicting, count(*) AS times, min("order") AS "order", min(row) AS row
FROM (
    SELECT row, user_id, group_id, blank, content_id(prompt) AS prompt_id,
        content_id(prompt, response) AS text_id, score, "order"
    FROM rows
)
GROUP BY ALL
"""

# Among equally scored responses the smallest text_id is taken, so that the order of rows does not matter.
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


@dataclass(frozen=True)
class Normalized:
    """The normalized tables of some rows, what was left out of them (reason -> count), and what was noticed.

    ``contradictions`` has one row for two responses that one user preferred both ways: user_id, and the 0-based
    indices ``first`` and ``second`` of the rows that say so.
    """

    texts: pa.Table
    pairs: pa.Table
    users: pa.Table
    contradictions: pa.Table
    dropped: Mapping[str, int]
    noted: Mapping[str, int]


def from_pairs(rows: pa.Table) -> Normalized:
    """Normalize given pairs: user_id, prompt, chosen, rejected and, where known, group_id, order and margin.

    Texts and ids are strings without null; ``prompt`` is free of U+001F, which separates the parts of an id. The
    first of several equal pairs of a user is kept. The group defaults to the prompt.
    """
    with _connect(rows) as connection:
        connection.execute(PROPOSE_GIVEN_PAIRS)
        return _normalize(connection, rows, ("chosen", "rejected"), FIRST_IN_PAIRS)


def from_scores(rows: pa.Table, minimum_margin: float = 0.0) -> Normalized:
    """Normalize scored responses: user_id, prompt, response, score and, where known, group_id and order.

    A set is what one user scored for one prompt (within one group, where groups are given); its highest- and its
    lowest-scored response are a pair, whose margin is the difference of their scores. Sets of one response, tied
    sets and those whose margin is below ``minimum_margin`` are dropped and counted.
    """
    with _connect(rows) as connection:
        connection.execute(RATE)
        connection.execute(COMPARE)
        connection.execute(PROPOSE_EXTREMES, {"minimum": minimum_margin})
        lost = _counts(connection, COUNT_LOST_SETS, {"minimum": minimum_margin})
        ratings = _counts(connection, COUNT_RATINGS)
        done = _normalize(connection, rows, ("response",), FIRST_IN_RATINGS)
        everyone = _counts(connection, "SELECT count(DISTINCT user_id) AS users FROM rated")["users"]
    lost |= {"duplicate_ratings": ratings["duplicate_ratings"], "users_without_pairs": everyone - len(done.users)}
    noted = {"conflicting_ratings": ratings["conflicting_ratings"]}
    return replace(done, dropped={**done.dropped, **lost}, noted={**done.noted, **noted})


def _connect(rows: pa.Table) -> Connection:
    """A database in memory that sees ``rows`` with their index, and null for what they lack."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    for name, kind in (("group_id", pa.string()), ("order", pa.int64()), ("margin", pa.float64())):
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(len(rows), kind))
    rows = rows.append_column("row", pa.array(np.arange(len(rows)))).append_column("blank", is_blank(rows["prompt"]))
    connection.register("rows", rows)
    connection.execute(CONTENT_ID)
    return connection


def _counts(connection: Connection, query: str, values: Mapping[str, float] | None = None) -> dict[str, int]:
    """The one row of numbers that ``query`` gives, by column name."""
    counts: dict[str, int] = connection.sql(query, params=values).to_arrow_table().to_pylist()[0]
    return counts


def _normalize(connection: Connection, rows: pa.Table, responses: tuple[str, ...], first_places: str) -> Normalized:
    """The normalized tables of the pairs in the table ``proposed``."""
    connection.execute(KEEP)
    pairs = connection.sql(PAIRS_IN_ORDER).to_arrow_table().cast(PAIRS)
    contradictions = connection.sql(CONTRADICTIONS).to_arrow_table()
    proposed = _counts(connection, "SELECT count(*) AS pairs FROM proposed")["pairs"]
    return Normalized(
        texts=_texts(rows, responses, connection.sql(first_places).to_arrow_table()),
        pairs=pairs,
        users=connection.sql(USERS_IN_ORDER).to_arrow_table().cast(USERS),
        contradictions=contradictions,
        dropped={"duplicate_pairs": proposed - len(pairs)},
        noted={"contradictory_pairs": len(contradictions)},
    )


def _texts(rows: pa.Table, responses: tuple[str, ...], first: pa.Table) -> pa.Table:
    """Each text once, from the place where it first appears; ``first`` is sorted by place, so rows are too."""
    positions = first["position"].to_numpy()
    parts = []
    for side, column in enumerate(responses):
        mine = positions % len(responses) == side
        mask = np.zeros(len(rows), dtype=bool)
        mask[positions[mine] // len(responses)] = True
        picked = rows.select(["prompt", column]).filter(pa.array(mask)).rename_columns(["prompt", "response"])
        parts.append(picked.add_column(0, "text_id", first["text_id"].filter(pa.array(mine))))
    return pa.concat_tables(parts).cast(TEXTS)
