"""What chosen responses have in common though they should not: how often the longer, or the first by its id, is chosen.

A share is averaged per user, then over users.
"""

from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from prefactor.evaluation.intervals import over_users
from prefactor.inspection.items import number_texts
from prefactor.inspection.jackknife import Bounds, jackknife

STATED = """
CREATE TEMP TABLE stated AS
SELECT p.user_id, c.prompt, c.number AS chosen, r.number AS rejected,
    (1 + sign(c.length - r.length)) / 2.0 AS longer, (p.chosen < p.rejected)::DOUBLE AS first
FROM pairs p
JOIN numbered c ON c.text_id = p.chosen
JOIN numbered r ON r.text_id = p.rejected
"""
OF_USERS = """
CREATE TEMP TABLE of_users AS
SELECT user_id, count(*) AS n, sum(longer) AS longer, sum(first) AS first FROM stated GROUP BY user_id
"""
OF_ITEMS = """
CREATE TEMP TABLE of_items AS
SELECT user_id, item, count(*) AS n, sum(longer) AS longer, sum(first) AS first
FROM (
    SELECT user_id, prompt AS item, longer, first FROM stated WHERE prompt IS NOT NULL
    UNION ALL
    SELECT user_id, unnest(list_distinct([chosen, rejected]))::UBIGINT, longer, first FROM stated WHERE prompt IS NULL
)
GROUP BY user_id, item
"""

SHARES = "SELECT {0} / n AS share FROM of_users ORDER BY user_id"

# What the sum of users' shares loses without an item, and how many users have nothing left.
WITHOUT_ITEM = """
SELECT sum(u.{0} / u.n - coalesce((u.{0} - i.{0}) / nullif(u.n - i.n, 0), 0)) AS lost,
    count(*) FILTER (u.n = i.n) AS gone
FROM of_items i JOIN of_users u USING (user_id)
GROUP BY item
"""


@dataclass(frozen=True)
class Share:
    """A share of pairs, averaged per user, then over users; ``intervals`` are over users and over what users share."""

    value: float
    intervals: tuple[Bounds, ...]


@dataclass(frozen=True)
class Balance:
    """How often a chosen response was the ``longer`` one, a tie counting half, and the ``first`` by its text_id."""

    longer: Share
    first: Share


def balance_of(connection: DuckDBPyConnection) -> Balance | None:
    """The balance of labels in the views ``pairs`` and ``texts``; None where there are no pairs."""
    shared = number_texts(connection)
    for statement in (STATED, OF_USERS, OF_ITEMS):
        connection.execute(statement)
    if not connection.execute("FROM of_users LIMIT 1").fetchall():
        return None
    return Balance(*(_share(connection, name, shared) for name in ("longer", "first")))


def _share(connection: DuckDBPyConnection, name: str, shared: str) -> Share:
    values = connection.execute(SHARES.format(name)).fetchnumpy()["share"]  # (U,)
    found = over_users(values)
    low, high = (found.low, found.high) if len(values) > 1 else (None, None)
    items = jackknife(connection, WITHOUT_ITEM.format(name), shared, float(values.sum()), len(values))
    return Share(found.value, (Bounds(low, high, len(values), "users"), items))
