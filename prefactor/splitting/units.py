"""Units: the pairs that must stay together, as connected components found by label propagation.

Two pairs hang together if they share a group or a prompt (an empty prompt connects nothing): within one user, across
all users, or not at all, as the leakage rule says.
"""

from pathlib import Path

from duckdb import DuckDBPyConnection

from prefactor.errors import InputError
from prefactor.splitting.layout import EVERYTHING, POOL_RULES
from prefactor.splitting.parameters import Leakage, SplitParameters

PAIR_COLUMNS = ("pair_id", "user_id", "group_id", "chosen", "rejected", "margin")


def define_order(connection: DuckDBPyConnection, seed: int) -> None:
    """Define ``draw(purpose, id)``: a 64-bit number from md5, the only source of order in a split.

    DuckDB's own hash() and random() may change between versions and threads; md5 does not.
    """
    connection.execute(
        "CREATE MACRO draw(purpose, id) AS "
        f"md5_number_lower(concat({int(seed)}, chr(31), purpose, chr(31), id::VARCHAR))"
    )


def load_pairs(connection: DuckDBPyConnection, prepared: Path, parameters: SplitParameters) -> None:
    """Read the prepared tables into ``users`` (user, user_id, key, inside) and ``members``.

    ``members`` has one row per pair: pair (its row in the file), user, key (its place in every order), unit (so far
    its group or itself) and the prompts of its two responses. Raises InputError where a text is missing or double.
    """
    pairs, texts, users = (prepared / f"{name}.parquet" for name in ("pairs", "texts", "users"))
    connection.execute(
        f"""CREATE TABLE users AS
        WITH known AS (SELECT user_id, {parameters.within or "true"} AS inside FROM read_parquet($users))
        SELECT row_number() OVER (ORDER BY user_id)::INTEGER AS user, user_id, draw('user', user_id) AS key,
            coalesce(inside, true) AS inside
        FROM (SELECT user_id FROM known UNION SELECT user_id FROM read_parquet($pairs)) LEFT JOIN known USING (user_id)
        """,
        {"users": str(users), "pairs": str(pairs)},
    )
    connection.execute(
        f"""CREATE TABLE members AS
        WITH prompts AS (
            SELECT text_id, CASE WHEN prompt <> '' THEN md5_number_lower(prompt) END AS prompt
            FROM read_parquet($texts))
        SELECT pairs.file_row_number AS pair, users.user, draw('pair', pair_id) AS key,
            draw('group', {_unit_name(parameters.leakage)}) AS unit, plus.prompt AS prompt,
            nullif(minus.prompt, plus.prompt) AS other_prompt
        FROM read_parquet($pairs, file_row_number = true) AS pairs
        JOIN users USING (user_id)
        JOIN prompts AS plus ON plus.text_id = pairs.chosen
        JOIN prompts AS minus ON minus.text_id = pairs.rejected""",
        {"texts": str(texts), "pairs": str(pairs)},
    )
    _check_texts(connection, pairs, texts)


def connect_units(connection: DuckDBPyConnection, leakage: Leakage) -> None:
    """Merge the units of ``members`` that share a prompt, directly or through others.

    Labels start as the units themselves; each round gives a unit the smallest label among the units it shares a
    prompt with and then follows that label one hop, which halves long chains, until no label changes.
    """
    if leakage == "pairs":
        return
    _link(connection, scope="0" if leakage == "global" else "user")
    connection.execute("CREATE TABLE labels AS SELECT DISTINCT unit, unit AS label FROM links")
    while _propagate(connection):
        pass
    connection.execute(
        """CREATE TABLE merged AS SELECT pair, user, key, coalesce(label, unit) AS unit
        FROM members LEFT JOIN labels USING (unit)"""
    )
    connection.execute("DROP TABLE members; DROP TABLE links; DROP TABLE labels; ALTER TABLE merged RENAME TO members")


def queue_units(connection: DuckDBPyConnection, parameters: SplitParameters) -> None:
    """Write ``units``: user, unit, pool, size in pairs, and its place in the queue of (user, pool).

    A unit has a row for each of its pools: one of the draw for all users, and one of the user's own.
    """
    pool, joined = f"'{EVERYTHING}'", ""
    if parameters.leakage in POOL_RULES:
        pool, joined = "pool", "JOIN pooled USING (unit)"
    connection.execute(
        f"""CREATE TABLE units AS
        WITH sized AS (SELECT user, unit, count(*) AS size FROM members GROUP BY ALL),
        drawn AS (
            SELECT user, unit, {pool} AS pool, size, draw('unit', concat(key, chr(31), unit)) AS place
            FROM sized JOIN users USING (user) {joined})
        SELECT user, unit, pool, size::INTEGER AS size, (row_number() OVER queue)::INTEGER AS number,
            (sum(size) OVER queue - size)::INTEGER AS before
        FROM drawn
        WINDOW queue AS (PARTITION BY user, pool ORDER BY place, unit ROWS UNBOUNDED PRECEDING)"""
    )


def _unit_name(leakage: Leakage) -> str:
    if leakage == "pairs":
        return "pair_id"
    return "group_id" if leakage == "global" else "concat(user_id, chr(31), group_id)"


def _check_texts(connection: DuckDBPyConnection, pairs: Path, texts: Path) -> None:
    count = "SELECT (SELECT count(*) FROM members), (SELECT count(*) FROM read_parquet($pairs))"
    found, given = connection.execute(count, {"pairs": str(pairs)}).fetchone() or (0, 0)
    if given == 0:
        raise InputError(f"{pairs} has no pairs: there is nothing to split")
    if found < given:
        raise InputError(f"{pairs}: {given - found} of {given} pairs name a text that {texts} lacks: prepare it again")
    if found > given:
        raise InputError(f"{texts} has a text_id more than once: prepare it again")


def _link(connection: DuckDBPyConnection, scope: str) -> None:
    """Write ``links`` (unit, scope, prompt), only for prompts that more than one unit of the scope has."""
    connection.execute(
        f"""CREATE TABLE links AS
        WITH asked AS (
            SELECT {scope} AS scope, unit, prompt FROM members WHERE prompt IS NOT NULL
            UNION ALL
            SELECT {scope}, unit, other_prompt FROM members WHERE other_prompt IS NOT NULL),
        shared AS (SELECT scope, prompt FROM asked GROUP BY ALL HAVING min(unit) < max(unit))
        SELECT DISTINCT unit, scope, prompt FROM asked SEMI JOIN shared USING (scope, prompt)"""
    )


def _propagate(connection: DuckDBPyConnection) -> bool:
    """One round of label propagation; says whether any label changed."""
    connection.execute(
        """CREATE TABLE relabelled AS
        WITH lowest AS (SELECT scope, prompt, min(label) AS label FROM links JOIN labels USING (unit) GROUP BY ALL),
        reached AS (SELECT unit, min(label) AS label FROM links JOIN lowest USING (scope, prompt) GROUP BY unit)
        SELECT reached.unit, hop.label FROM reached JOIN reached AS hop ON hop.unit = reached.label"""
    )
    changed = connection.execute(
        "SELECT count(*) FROM labels JOIN relabelled USING (unit) WHERE labels.label <> relabelled.label"
    ).fetchone()
    connection.execute("DROP TABLE labels; ALTER TABLE relabelled RENAME TO labels")
    return changed is not None and changed[0] > 0
