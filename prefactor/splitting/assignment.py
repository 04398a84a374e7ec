"""Roles for users, parts and ranks for pairs."""

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from prefactor.errors import InputError
from prefactor.splitting.layout import Layout, layouts, role_queues
from prefactor.splitting.parameters import SplitParameters
from prefactor.splitting.queues import Slice, cut, slice_of

EXAMPLES = 5


def cut_queues(connection: DuckDBPyConnection, parameters: SplitParameters) -> None:
    """Cut every user's units into the parts of every role, and write ``fit``: the users who fill them all.

    All roles, not only the one a user gets, so that seen and unseen users are drawn from one population.
    """
    planned = layouts(parameters)
    for layout in planned:
        connection.execute(
            "CREATE OR REPLACE VIEW queue_units AS "
            f"SELECT user AS queue, number, before, size FROM units WHERE pool = '{layout.pool}'"
        )
        cut(connection, "queue_units", layout.slices, layout.table)
    # A part that is not needed must not ask its queue to exist: a user may have no pair in that pool.
    demanding = [layout for layout in planned if any(item.needed for item in layout.slices)]
    filled = " INTERSECT ".join(f"SELECT queue FROM {layout.table} WHERE filled" for layout in demanding)
    connection.execute(
        f"CREATE TABLE fit AS SELECT user, user_id, key, inside FROM users SEMI JOIN ({filled}) ON user = queue"
    )
    if parameters.too_few == "error":
        _refuse_too_few(connection)


def assign_roles(connection: DuckDBPyConnection, parameters: SplitParameters) -> None:
    """Write ``roles``: user, user_id, role, for the users drawn."""
    connection.execute("CREATE TABLE roles (user INTEGER, user_id VARCHAR, role VARCHAR)")
    for inside, slices in role_queues(parameters).items():
        _assign(connection, parameters, inside, slices)


def _assign(connection: DuckDBPyConnection, parameters: SplitParameters, inside: bool, slices: list[Slice]) -> None:
    """Cut one queue of users, those inside or outside, into roles."""
    direction = "DESC" if parameters.reverse else "ASC"
    connection.execute(
        f"""CREATE OR REPLACE TABLE user_queue AS SELECT 0 AS queue, user, user_id, row_number() OVER line AS number,
        number - 1 AS before, 1 AS size FROM fit WHERE inside = {inside}
        WINDOW line AS (ORDER BY key {direction}, user_id {direction})"""
    )
    cut(connection, "user_queue", slices, "role_cut")
    filled = connection.execute("SELECT filled FROM role_cut").fetchone()
    if filled is None or not filled[0]:
        _refuse_roles(connection, parameters, inside, slices)
    connection.execute(
        f"""INSERT INTO roles SELECT user, user_id, {slice_of(slices)} AS role
        FROM user_queue CROSS JOIN role_cut WHERE role IS NOT NULL"""
    )


def place_pairs(connection: DuckDBPyConnection, parameters: SplitParameters) -> None:
    """Write ``ranked``: pair, user, role, part, rank, for the pairs that are used.

    Where the last unit of a count reaches beyond it, the unit's last pairs (in the order of their draw) are dropped.
    """
    connection.execute(f"CREATE TABLE stretches AS {_stretches(layouts(parameters))}")
    connection.execute(
        """CREATE TABLE placed AS
        WITH pieces AS (
            SELECT units.user, unit, role, part, size, greatest(before + size - bound, 0)::INTEGER AS excess
            FROM units JOIN stretches ON units.user = stretches.user AND units.pool = stretches.pool
                AND before >= start AND before < stop)
        SELECT pair, user, unit, key, role, part, size, excess FROM members JOIN pieces USING (user, unit)"""
    )
    connection.execute(
        """CREATE TABLE ranked AS
        WITH kept AS (
            SELECT pair, user, key, role, part FROM placed WHERE excess = 0
            UNION ALL
            SELECT pair, user, key, role, part FROM placed WHERE excess > 0
            QUALIFY row_number() OVER (PARTITION BY user, unit ORDER BY key) <= size - excess)
        SELECT pair, user, role, part, (row_number() OVER (PARTITION BY user, part ORDER BY key) - 1)::INTEGER AS rank
        FROM kept"""
    )
    connection.execute("DROP TABLE placed; DROP TABLE stretches")


def _stretches(planned: Sequence[Layout]) -> str:
    """One row per user and part: pool, start and stop in the user's queue, and the bound that a count sets."""
    return " UNION ALL ".join(
        f"""SELECT user, role, '{layout.pool}' AS pool, '{item.name}' AS part, start_{item.name} AS start,
        stop_{item.name} AS stop, {f"start_{item.name} + {item.share}" if item.is_count else "stop"} AS bound
        FROM roles JOIN {layout.table} ON user = queue WHERE role = '{layout.role}'"""
        for layout in planned
        for item in layout.slices
    )


def _refuse_too_few(connection: DuckDBPyConnection) -> None:
    rows = connection.execute(
        f"""SELECT user_id, count(pair), count(DISTINCT unit), count(*) OVER ()
        FROM users ANTI JOIN fit USING (user) LEFT JOIN members USING (user)
        GROUP BY user_id ORDER BY user_id LIMIT {EXAMPLES}"""
    ).fetchall()
    if rows:
        named = ", ".join(f"{user} ({pairs} pair(s) in {units} unit(s))" for user, pairs, units, _ in rows)
        raise InputError(
            f"{rows[0][3]} user(s) have too few pairs for split.pairs, e.g. {named}: "
            "ask for fewer pairs or set split.too_few to drop"
        )


def _refuse_roles(
    connection: DuckDBPyConnection, parameters: SplitParameters, inside: bool, slices: list[Slice]
) -> None:
    query = ", ".join(f"(SELECT count(*) FROM {table} WHERE inside = {inside})" for table in ("fit", "users"))
    fit, total = connection.execute(f"SELECT {query}").fetchone() or (0, 0)
    shares = ", ".join(f"{item.name} {item.share}" for item in slices)
    column = f"with {'true' if inside else 'false'} in {parameters.within} " if parameters.within else ""
    raise InputError(
        f"split.users asks for {shares}, but only {fit} of {total} users {column}have enough pairs for every part: "
        "ask for fewer users or fewer pairs"
    )
