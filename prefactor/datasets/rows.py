"""Rows read from files, which know where they came from: what an error message needs.

A message never holds free text: prompts and responses are people's words, and messages end up in logs.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from prefactor.datasets.columns import KINDS
from prefactor.errors import InputError

EXAMPLES = 3
SHOWN_CHARACTERS = 24  # of a string
SHOWN_NUMBER = 60
TEXTS = frozenset(name for name, kind in KINDS.items() if kind == "text") | {"text"}


@dataclass(frozen=True)
class Origin:
    """The column of a file that a normalized column was made of, and its Arrow type there."""

    column: str
    type: str


@dataclass(frozen=True)
class Rows:
    """Typed rows of one or several files, in order.

    ``source`` is the file or folder they were read from; ``counts`` the number of rows of each of ``files``;
    ``columns`` says what each column of ``table`` was in the first file; ``texts`` names the columns of free text.
    """

    table: pa.Table
    source: Path
    files: tuple[Path, ...]
    counts: tuple[int, ...]
    columns: Mapping[str, Origin]
    texts: frozenset[str] = TEXTS

    def __len__(self) -> int:
        return self.table.num_rows

    def place(self, row: int) -> str:
        """Where the row with 0-based index ``row`` is: its number from 1, and its file where there are several."""
        starts = [0, *accumulate(self.counts)]
        file = bisect_right(starts, row) - 1
        number = f"row {row - starts[file] + 1}"
        return number if len(self.files) == 1 else f"{self.files[file].name} {number}"

    def refuse(self, bad: pa.ChunkedArray, column: str, problem: str, fix: str) -> None:
        """Raise InputError with the count and the first rows where ``bad`` holds, showing ``column``'s values.

        Of free text only the length is shown.
        """
        count = pc.sum(bad, min_count=0).as_py()
        if not count:
            return
        first = pc.indices_nonzero(bad)[:EXAMPLES].to_pylist()
        show = without_text if column in self.texts else recognisable
        shown = [f"{self.place(row)} ({show(self.table[column][row].as_py())})" for row in first]
        raise InputError(f"{self.source}: {count} row(s) with {problem}: {examples(shown, count)}; {fix}")


def examples(shown: list[str], count: int) -> str:
    """A few examples out of ``count``, as one phrase."""
    return ", ".join(shown) + (", ..." if count > len(shown) else "")


def recognisable(value: object) -> str:
    """``value`` of a column of numbers or ids, on one short line: people's words may have slipped into it.

    A string is shown if it is one short word, or blank; of a longer one the length, of a list or record what it is.
    """
    if isinstance(value, str) and (len(value) > SHOWN_CHARACTERS or (value.strip() and re.search(r"\s", value))):
        return without_text(value)
    if isinstance(value, (dict, list, tuple, bytes)):
        return without_text(value)
    text = repr(value)
    return text if len(text) <= SHOWN_NUMBER else f"{text[:SHOWN_NUMBER]}..."


def without_text(value: object) -> str:
    """``value`` of a column of free text: numbers as they are, of all else what it is and how long."""
    if value is None or isinstance(value, (bool, int, float)):
        return recognisable(value)
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    return "a record" if isinstance(value, dict) else f"a {type(value).__name__}"


def without_content(error: Exception) -> str:
    """What Arrow says is wrong, without the row or value that it quotes at the end."""
    return re.sub(r"(got \d+|couldn't parse|invalid value).*", r"\1", str(error), flags=re.DOTALL)


def is_blank(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which strings are empty or only white space; null stays null."""
    return pc.or_(pc.equal(pc.binary_length(column), 0), pc.utf8_is_space(column))


def first_failure(column: pa.ChunkedArray, check: Callable[[pa.ChunkedArray], object]) -> int | None:
    """Index of the first value for which ``check``, which takes a run of values, raises ArrowInvalid; None if none.

    By halving: a good column is checked once, a bad one about twice.
    """
    if _passes(column, check):
        return None
    start, stop = 0, len(column)
    while stop - start > 1:
        middle = (start + stop) // 2
        start, stop = (middle, stop) if _passes(column[start:middle], check) else (start, middle)
    return start


def _passes(column: pa.ChunkedArray, check: Callable[[pa.ChunkedArray], object]) -> bool:
    try:
        check(column)
    except pa.ArrowInvalid:
        return False
    return True
