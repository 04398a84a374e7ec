"""Pools: which prompts or items train, validate and evaluate, under the rules that keep those apart.

Under ``global`` a pool is of units, for all users alike. Under the rules about items a pool is of texts; a unit belongs
to a pool if both texts of all its pairs do, and a pair of two pools belongs to none.
"""

from pathlib import Path

from duckdb import DuckDBPyConnection

from prefactor.errors import InputError
from prefactor.splitting.layout import ITEM_RULES, OWN, pool_slices
from prefactor.splitting.parameters import SplitParameters
from prefactor.splitting.queues import Slice, cut, slice_of


def draw_pools(connection: DuckDBPyConnection, prepared: Path, parameters: SplitParameters) -> None:
    """Write ``pooled`` (unit, pool), where the rule has pools; units of no pool are left out."""
    if parameters.leakage == "global":
        _pool_prompts(connection, parameters)
    if parameters.leakage in ITEM_RULES:
        _pool_items(connection, prepared, parameters)


def _pool_prompts(connection: DuckDBPyConnection, parameters: SplitParameters) -> None:
    connection.execute(
        """CREATE TABLE prompt_queue AS
        WITH sized AS (SELECT unit, count(*) AS size FROM members GROUP BY unit)
        SELECT 0 AS queue, unit, size, row_number() OVER line AS number, sum(size) OVER line - size AS before
        FROM sized WINDOW line AS (ORDER BY draw('pool', unit), unit ROWS UNBOUNDED PRECEDING)"""
    )
    slices = pool_slices(parameters)
    _check_pools(connection, max(float(item.share) for item in slices), len(slices))
    cut(connection, "prompt_queue", slices, "pool_cut")
    connection.execute(
        f"""CREATE TABLE pooled AS SELECT unit, {slice_of(slices)} AS pool
        FROM prompt_queue CROSS JOIN pool_cut WHERE pool IS NOT NULL"""
    )


def _check_pools(connection: DuckDBPyConnection, largest_pool: float, pools: int) -> None:
    query = "SELECT count(*), max(size), sum(size) FROM prompt_queue"
    units, largest, total = connection.execute(query).fetchone() or (0, 0, 0)
    if units >= pools and largest <= largest_pool * total:
        return
    raise InputError(
        f"split.leakage: global: {largest} of {total} pairs hang together through shared groups or prompts "
        f"({units} unit(s) in all), so that no cut into prompt pools fits: use leakage within-user, or give the pairs "
        "groups and prompts that fewer users share"
    )


def _pool_items(connection: DuckDBPyConnection, prepared: Path, parameters: SplitParameters) -> None:
    """One draw of items for everyone; within users, also each user's own draw, whose pools begin with OWN."""
    _read_items(connection, prepared)
    connection.execute("CREATE TABLE pooled (unit UBIGINT, pool VARCHAR)")
    connection.execute(
        """CREATE TABLE common_queue AS SELECT 0 AS queue, item, row_number() OVER line AS number,
        number - 1 AS before, 1 AS size FROM items WINDOW line AS (ORDER BY draw('item', text_id), item)"""
    )
    _pool_units(connection, "common_queue", "0", "", pool_slices(parameters))
    if parameters.leakage == "items-within-user":
        connection.execute(
            """CREATE TABLE own_queue AS
            WITH judged AS (SELECT user, plus AS item FROM compared UNION SELECT user, minus FROM compared)
            SELECT user AS queue, item, row_number() OVER line AS number, number - 1 AS before, 1 AS size
            FROM judged JOIN users USING (user) JOIN items USING (item)
            WINDOW line AS (PARTITION BY user ORDER BY draw('own item', concat(key, chr(31), text_id)), item)"""
        )
        _pool_units(connection, "own_queue", "user", OWN, pool_slices(parameters))
    connection.execute("DROP TABLE compared")


def _read_items(connection: DuckDBPyConnection, prepared: Path) -> None:
    """Write ``items`` (item, text_id), in the order of text_id, and ``compared`` (user, unit, plus, minus)."""
    pairs = {"pairs": str(prepared / "pairs.parquet")}
    connection.execute(
        """CREATE TABLE items AS SELECT row_number() OVER (ORDER BY text_id)::INTEGER AS item, text_id
        FROM (SELECT chosen AS text_id FROM read_parquet($pairs) UNION SELECT rejected FROM read_parquet($pairs))""",
        pairs,
    )
    connection.execute(
        """CREATE TABLE compared AS SELECT members.user, unit, plus.item AS plus, minus.item AS minus
        FROM read_parquet($pairs, file_row_number = true) AS pairs
        JOIN members ON pair = pairs.file_row_number
        JOIN items AS plus ON plus.text_id = pairs.chosen
        JOIN items AS minus ON minus.text_id = pairs.rejected""",
        pairs,
    )


def _pool_units(connection: DuckDBPyConnection, queue: str, of_pair: str, prefix: str, slices: list[Slice]) -> None:
    """Cut each queue of items into pools and add the units that lie in one to ``pooled``, ``prefix`` before its name.

    ``of_pair`` is the queue that the items of a row of ``compared`` are in.
    """
    cut(connection, queue, slices, f"{queue}_cut")
    # All pairs have their items in the queue, but to inner joins DuckDB would pair all items of a user first.
    connection.execute(
        f"""INSERT INTO pooled
        WITH drawn AS (SELECT queue, item, {slice_of(slices)} AS pool FROM {queue} JOIN {queue}_cut USING (queue)),
        together AS (
            SELECT unit, CASE WHEN one.pool = other.pool THEN one.pool END AS pool
            FROM compared LEFT JOIN drawn AS one ON one.queue = {of_pair} AND one.item = plus
            LEFT JOIN drawn AS other ON other.queue = {of_pair} AND other.item = minus)
        SELECT unit, '{prefix}' || min(pool) FROM together
        GROUP BY unit HAVING count(pool) = count(*) AND min(pool) = max(pool)"""
    )
