"""Pairs in parts that are adapted to one by one, in any order and by anybody: ranges of rows that cut no user in two.

A user's pairs must lie together, or a user would be adapted to twice, each time by half of them. Whether a user comes
again is asked of neighbouring rows alone, so that memory does not grow with users: ids have to ascend, byte by byte.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from prefactor.adaptation.source import USER, Group, Place, Source
from prefactor.errors import InputError

ROWS = 131_072  # read at once


@dataclass(frozen=True)
class Part:
    """Rows ``first`` to ``last`` - 1 of a source, of so many ``users``."""

    number: int
    first: int
    last: int
    users: int

    @property
    def name(self) -> str:
        """The file of what is found of its users."""
        return f"part-{self.number:05d}.parquet"


@dataclass(frozen=True)
class _Scanned:
    """A row group: its first and last user, how many, and how many rows are the first one's."""

    first: Any
    last: Any
    users: int
    head: int


def parts_of(
    source: Source, rows: int, threads: int = 1, shown: Callable[[int], None] = lambda rows: None
) -> list[Part]:
    """The whole source in parts of about ``rows``, each of whole row groups but for where a user goes on.

    Reads the users' column once. InputError where ids do not ascend. ``shown`` is told of rows as they are read.
    """
    cuts, before, start, users = [_Cut(0, 0)], None, 0, 0
    groups = [group for group in source.groups if group.rows]
    with ThreadPoolExecutor(threads) as pool:
        for group, scanned in zip(groups, pool.map(lambda group: _scan(group, shown), groups), strict=True):
            goes_on = scanned.first == before
            if before is not None and scanned.first < before:
                raise _unordered(Place(group.path, group.first), 0)
            if goes_on and scanned.head < group.rows:
                cuts.append(_Cut(start + scanned.head, users))
            elif not goes_on and start:
                cuts.append(_Cut(start, users))
            users += scanned.users - goes_on
            before, start = scanned.last, start + group.rows
    return _joined(cuts, _Cut(start, users), rows)


@dataclass(frozen=True)
class _Cut:
    """A row where a user begins, and how many users come before."""

    row: int
    users: int


def _joined(cuts: Sequence[_Cut], end: _Cut, rows: int) -> list[Part]:
    """Parts from cut to cut, of at least ``rows`` rows but for the last."""
    parts: list[Part] = []
    begun = cuts[0]
    for cut in [*cuts[1:], end]:
        if cut.row - begun.row >= rows or cut is end:
            parts.append(Part(len(parts), begun.row, cut.row, cut.users - begun.users))
            begun = cut
    return parts


def _scan(group: Group, shown: Callable[[int], None]) -> _Scanned:
    first = last = None
    users = head = 0
    for place, table in group.batches(0, group.rows, ROWS, [USER]):
        ids = texts_of(table[USER])
        starts = run_starts(ids, place)
        if last is not None and ids[0].as_py() < last.as_py():
            raise _unordered(place, 0)
        goes_on = ids[0] == last
        if users == 0 or (users == 1 and goes_on):  # at the first one still
            head += int(starts[1]) if len(starts) > 1 else len(ids)
        first = ids[0] if first is None else first
        users, last = users + len(starts) - goes_on, ids[-1]
        shown(len(ids))
    assert first is not None and last is not None
    return _Scanned(first.as_py(), last.as_py(), users, head)


def run_starts(ids: pa.StringArray, place: Place) -> Any:
    """(u,) numpy rows where a user begins, the first among them. InputError, naming the row, if ids do not ascend."""
    changed = pc.indices_nonzero(pc.not_equal(ids[1:], ids[:-1]))
    later = pc.add(changed, 1)
    falls = pc.less(ids.take(later), ids.take(changed))
    if pc.any(falls).as_py():
        raise _unordered(place, later[falls.index(True).as_py()].as_py())
    return pa.concat_arrays([pa.array([0], pa.uint64()), later.cast(pa.uint64())]).to_numpy().astype("int64")


def texts_of(column: pa.ChunkedArray) -> pa.Array:
    """One array of strings."""
    whole = column.combine_chunks()
    whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    return whole.cast(pa.large_string())


def _unordered(place: Place, row: int) -> InputError:
    return InputError(
        f"{place.later(row)}: its user_id comes before the one in the row above, by bytes. The rows of a user must lie "
        "together and ids ascend, so that a user who comes twice is noticed: sort by user_id, or give --sort"
    )
