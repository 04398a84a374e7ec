"""How often two users agree who judged the same two texts."""

from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from prefactor.inspection.items import number_texts
from prefactor.inspection.jackknife import Bounds, jackknife

COIN = 0.5  # how often two users agree who both toss one

# A user's vote for the text of the lower number: 1 or 0, in between for one who has said both.
VOTES = """
CREATE TEMP TABLE votes AS
SELECT user, low, high, avg(first::INTEGER) AS vote
FROM (
    SELECT u.user, least(c.number, r.number) AS low, greatest(c.number, r.number) AS high,
        c.number < r.number AS first
    FROM pairs p
    JOIN (SELECT user_id, row_number() OVER ()::INTEGER AS user FROM (SELECT DISTINCT user_id FROM pairs)) u
        ON u.user_id = p.user_id
    JOIN numbered c ON c.text_id = p.chosen
    JOIN numbered r ON r.text_id = p.rejected
    WHERE p.chosen <> p.rejected
)
GROUP BY user, low, high
"""

# Of n votes with sum s and sum of squares q, the mean over all ordered couples of different voters a, b of
# a b + (1 - a) (1 - b): the chance that one statement of each is the same.
AGREEMENT = "CREATE TEMP MACRO agreement(n, s, q) AS ((s * s - q) + (n - s) ** 2 - (n - 2 * s + q)) / (n * (n - 1))"

SHARED = """
CREATE TEMP TABLE shared AS
SELECT low, high, count(*) AS n, sum(vote) AS s, sum(vote * vote) AS q
FROM votes GROUP BY low, high HAVING count(*) > 1
"""

TOTAL = "SELECT count(*), coalesce(sum(n), 0)::BIGINT, coalesce(sum(agreement(n, s, q)), 0) FROM shared"

# What the sum over shared pairs loses without a user, what it gains, and how many pairs are no longer shared.
WITHOUT_USER = """
SELECT sum(agreement(n, s, q)) - coalesce(sum(agreement(n - 1, s - vote, q - vote * vote)) FILTER (n > 2), 0) AS lost,
    count(*) FILTER (n = 2) AS gone
FROM votes JOIN shared USING (low, high)
GROUP BY user
"""

# Pairs of one prompt fall together; without prompts a pair falls with either of its texts.
WITHOUT_ITEM = """
WITH told AS (
    SELECT low, high, prompt, agreement(n, s, q) AS agreement FROM shared JOIN numbered ON number = low
)
SELECT sum(agreement) AS lost, count(*) AS gone
FROM (
    SELECT prompt AS item, agreement FROM told WHERE prompt IS NOT NULL
    UNION ALL
    SELECT unnest([low, high])::UBIGINT, agreement FROM told WHERE prompt IS NULL
)
GROUP BY item
"""


@dataclass(frozen=True)
class Agreement:
    """Of the unordered pairs of texts that two or more users judged, the mean chance that two of them agree.

    ``value`` is the mean over these ``pairs`` of the share of couples of different users who chose alike, one who
    has chosen both counting half; ``judgements`` is how many users judged each, summed. ``intervals`` are over users
    and over what users share.
    """

    value: float
    pairs: int
    judgements: int
    intervals: tuple[Bounds, ...]


def agreement_of(connection: DuckDBPyConnection) -> Agreement | None:
    """The agreement of users in the views ``pairs`` and ``texts``; None where no two users judged the same pair.

    Intervals are jackknives: each user, or item, is left out in turn.
    """
    shared = number_texts(connection)
    for statement in (VOTES, AGREEMENT, SHARED):
        connection.execute(statement)
    pairs, judgements, total = connection.execute(TOTAL).fetchone() or (0, 0, 0.0)
    if not pairs:
        return None
    left_out = {"users": WITHOUT_USER, shared: WITHOUT_ITEM}
    intervals = tuple(jackknife(connection, query, over, total, pairs) for over, query in left_out.items())
    return Agreement(total / pairs, pairs, judgements, intervals)
