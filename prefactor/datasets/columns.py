"""Which column of a file plays which part, and the types that the parts take."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from prefactor.errors import InputError
from prefactor.parameters import nearest

NAME = re.compile(r"[\w.-]+( [\w.-]+){0,2}")  # up to three words, without punctuation
Kind = Literal["text", "identifier", "number", "integer"]
KINDS: dict[str, Kind] = {
    "user_id": "identifier",
    "prompt": "text",
    "chosen": "text",
    "rejected": "text",
    "response": "text",
    "score": "number",
    "group_id": "identifier",
    "order": "integer",
    "margin": "number",
}
TYPES: dict[Kind, pa.DataType] = {
    "text": pa.string(),
    "identifier": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
}
WANTED: dict[Kind, str] = {
    "text": "text",
    "identifier": "text or a whole number",
    "number": "a number",
    "integer": "a whole number",
}


@dataclass(frozen=True)
class Layout:
    """One form that preferences come in: the columns it needs and those it may have, by normalized name."""

    name: Literal["pairs", "scores"]
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    telling: tuple[str, ...]  # the columns that only this layout has

    @property
    def names(self) -> tuple[str, ...]:
        """All columns of the layout."""
        return self.needed + self.optional


PAIRS_LAYOUT = Layout(
    name="pairs",
    needed=("user_id", "prompt", "chosen", "rejected"),
    optional=("group_id", "order", "margin"),
    telling=("chosen", "rejected", "margin"),
)
SCORES_LAYOUT = Layout(
    name="scores",
    needed=("user_id", "prompt", "response", "score"),
    optional=("group_id", "order"),
    telling=("response", "score"),
)


def choose_layout(mapping: Mapping[str, str], header: Sequence[str], place: str) -> Layout:
    """The layout that ``mapping`` (normalized name -> column) asks for, else the one that the header shows."""
    if not header:
        raise InputError(f"{place} holds no rows and no column names: write it again")
    asked = [layout for layout in (PAIRS_LAYOUT, SCORES_LAYOUT) if any(name in mapping for name in layout.telling)]
    if len(asked) > 1:
        raise InputError(f"columns maps {sorted(mapping)}: name either chosen and rejected, or response and score")
    shown = [layout for layout in (PAIRS_LAYOUT, SCORES_LAYOUT) if any(name in header for name in layout.telling)]
    if asked or shown:
        return (asked or shown)[0]
    raise InputError(
        f"{place} has neither columns chosen and rejected nor response and score, but {', '.join(_shown(header))}: "
        "map them, e.g. columns: {chosen: <column>, rejected: <column>}"
    )


def assign(layout: Layout, mapping: Mapping[str, str], header: Sequence[str], place: str) -> dict[str, str]:
    """Normalized name -> column of the file, for every column the layout needs and those it may have.

    An optional column that is neither mapped nor in the header keeps its own name: the reader leaves it out where
    there is none. Raises InputError for a needed or mapped column that the file lacks, or has twice.
    """
    chosen = {name: mapping.get(name, name) for name in layout.names}
    for name, column in chosen.items():
        if (name in layout.needed or name in mapping) and column not in header:
            raise InputError(_missing(name, column, header, place))
        if header.count(column) > 1:
            raise InputError(f"{place} has {header.count(column)} columns named {column!r}: rename all but one")
    return chosen


def _shown(header: Sequence[str]) -> list[str]:
    """Names of columns, for a message. A file without a header line has people's words in their place."""
    return [name if NAME.fullmatch(name) else f"(a name of {len(name)} characters)" for name in header]


def _missing(name: str, column: str, header: Sequence[str], place: str) -> str:
    hint = nearest(column, _shown(header), "columns")
    fix = f"set columns: {{{name}: <column>}} to the one that holds {name}"
    return f"{place} has no column {column!r}{hint}; {fix}"
