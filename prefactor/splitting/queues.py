"""Cutting queues of units into slices: the one algorithm behind prompt pools, users' roles and pairs' parts.

A queue is a row of units in a fixed pseudo-random order; a unit has a size and is never divided between slices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from prefactor.splitting.parameters import Share


@dataclass(frozen=True)
class Slice:
    """One slice of a queue.

    share     int: a count, filled before any fraction; float: a fraction of the size that the counts leave over
    needed    must get something (and, with ``in_full``, all of a count), else the queue is not filled
    in_full   a count must be reached; otherwise it is only a bound
    """

    name: str
    share: Share
    needed: bool = True
    in_full: bool = True

    @property
    def is_count(self) -> bool:
        """Is the share a count rather than a fraction?"""
        return isinstance(self.share, int)

    @property
    def filled(self) -> str:
        """SQL condition on a cut queue: did this slice get what it needs?"""
        least = (self.share if self.is_count and self.in_full else 1) if self.needed else 0
        return f"stop_{self.name} - start_{self.name} >= {least}"


def cut(connection: DuckDBPyConnection, units: str, slices: Sequence[Slice], into: str) -> None:
    """Cut every queue of the table ``units`` (queue, number, before, size) into slices.

    ``number`` counts a queue's units from 1, ``before`` is the summed size of the units ahead. Writes the table
    ``into``: queue, weight (summed size), ``start_<slice>`` and ``stop_<slice>`` (a unit lies in the slice if
    start <= before < stop) and ``filled``. The last unit of a count may reach beyond the count.
    """
    ordered = filling_order(slices)
    steps = [f"step_0 AS ({_start(units)})"]
    previous, counts_end, fraction = "start", "start", 0.0
    for position, item in enumerate(ordered):
        reserved = sum(later.needed for later in ordered[position + 1 :])
        if item.is_count:
            end = f"{previous} + {item.share}"
            counts_end = f"stop_{item.name}"
        else:
            fraction += item.share
            end = f"{counts_end} + {fraction!r}::DOUBLE * (weight - {counts_end})"
        steps.extend(_step(position, item, units, previous, end, reserved))
        previous = f"stop_{item.name}"
    filled = " AND ".join(item.filled for item in slices)
    columns = ", ".join(f"start_{item.name}, stop_{item.name}" for item in slices)
    connection.execute(
        f"CREATE OR REPLACE TABLE {into} AS WITH {', '.join(steps)} "
        f"SELECT queue, weight, {columns}, {filled} AS filled FROM step_{len(ordered)}"
    )


def slice_of(slices: Sequence[Slice]) -> str:
    """SQL: the slice that a unit with ``before`` lies in, null for none; for units joined with what ``cut`` wrote."""
    cases = " ".join(f"WHEN before >= start_{i.name} AND before < stop_{i.name} THEN '{i.name}'" for i in slices)
    return f"CASE {cases} END"


def filling_order(slices: Sequence[Slice]) -> list[Slice]:
    """Counts that are needed in full first, then other counts, then fractions, needed ones first."""
    return sorted(slices, key=lambda item: (not item.is_count, not item.needed, item.is_count and not item.in_full))


def _start(units: str) -> str:
    return (
        "SELECT queue, count(*)::BIGINT AS units, sum(size)::BIGINT AS weight, 0::BIGINT AS start "
        f"FROM {units} GROUP BY queue"
    )


def _step(position: int, item: Slice, units: str, previous: str, end: str, reserved: int) -> list[str]:
    """Two queries: how far the slice reaches in each queue, and the queues with that noted.

    ``reserved`` units at the end are left for needed slices still to come.
    """
    middle = "before" if item.is_count else "before + size / 2"
    reach = f"""reach_{position} AS (
        SELECT queue, max(before + size)::BIGINT AS stop FROM {units} JOIN step_{position} USING (queue)
        WHERE number <= units - {reserved} AND before >= {previous} AND (before = {previous} OR {middle} < {end})
        GROUP BY queue)"""
    step = f"""step_{position + 1} AS (
        SELECT step_{position}.*, {previous} AS start_{item.name}, coalesce(stop, {previous}) AS stop_{item.name}
        FROM step_{position} LEFT JOIN reach_{position} USING (queue))"""
    return [reach, step]
