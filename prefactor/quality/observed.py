"""What the gate saw: counts and shares of the tables, for result.json and the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

TABLES = {
    "pairs": "SELECT count(*) AS rows, count(DISTINCT group_id) AS groups, count(DISTINCT user_id) AS users FROM pairs",
    "texts": "SELECT count(*) AS rows, count(DISTINCT prompt) AS prompts FROM texts",
    "response_characters": """
        SELECT min(length(response)) AS minimum, median(length(response)) AS median, avg(length(response)) AS mean,
               max(length(response)) AS maximum FROM texts""",
    "unused": """
        SELECT (SELECT count(*) FROM texts t ANTI JOIN
                   (SELECT chosen AS text_id FROM pairs UNION SELECT rejected FROM pairs) p USING (text_id)
               ) AS texts_in_no_pair""",
    "contradictions": """
        SELECT count(*) AS pairs FROM pairs p SEMI JOIN pairs q
        ON q.user_id = p.user_id AND q.chosen = p.rejected AND q.rejected = p.chosen""",
}
JUDGEMENTS = {
    "pairs_per_user": """
        SELECT min(pairs) AS minimum, median(pairs) AS median, avg(pairs) AS mean, max(pairs) AS maximum
        FROM judgements""",
    "label_balance": """
        SELECT sum(pairs * chosen_longer) / sum(pairs) AS chosen_longer,
               sum(pairs * chosen_first) / sum(pairs) AS chosen_first
        FROM judgements""",
}
SPLIT_USERS = "SELECT role, count(*) AS users FROM split_users GROUP BY role ORDER BY role"
SPLIT_PARTS = """
    SELECT role, part, count(*) AS pairs, count(DISTINCT user_id) AS users,
           count(*) / count(DISTINCT user_id) AS pairs_per_user
    FROM split_pairs GROUP BY role, part ORDER BY role, part"""


def observe_tables(connection: duckdb.DuckDBPyConnection, judgements: pd.DataFrame) -> dict[str, Any]:
    """Sizes, lengths, pairs per user and the balance of the labels; ``judgements`` is the table of that suite."""
    connection.register("judgements", judgements)
    return {name: _rows(connection, query)[0] for name, query in (TABLES | JUDGEMENTS).items()}


def observe_split(connection: duckdb.DuckDBPyConnection, leakage: str) -> dict[str, Any]:
    """The leakage rule, users of each role, pairs and pairs per user of each role and part."""
    users = {row["role"]: row["users"] for row in _rows(connection, SPLIT_USERS)}
    parts = {f"{row.pop('role')} {row.pop('part')}": row for row in _rows(connection, SPLIT_PARTS)}
    return {"leakage": leakage, "users": users, "pairs": parts}


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, map(_rounded, row), strict=True)) for row in cursor.fetchall()]


def _rounded(value: Any) -> Any:
    return round(value, 6) if isinstance(value, float) else value
