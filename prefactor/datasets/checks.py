"""What rows of preferences must be before pairs are made of them."""

import pyarrow.compute as pc

from prefactor.datasets.columns import KINDS, Layout
from prefactor.datasets.rows import Rows, is_blank
from prefactor.preferences import SEPARATOR


def check_rows(rows: Rows, layout: Layout, empty_prompts: bool) -> None:
    """Raise InputError, with the count and the first rows, for the first kind of fault that ``rows`` have.

    Faults are null or blank text and ids, a prompt with the character that separates the parts of an id, equal
    responses, and scores or margins that are not finite. ``empty_prompts`` makes a blank prompt legal.
    """
    for name in rows.table.column_names:
        if name in layout.needed or name == "group_id":
            _refuse_null(rows, name)
        if KINDS[name] in ("text", "identifier") and not (name == "prompt" and empty_prompts):
            _refuse_blank(rows, name)
        if KINDS[name] == "number":
            _refuse_infinite(rows, name)
    separated = pc.match_substring(rows.table["prompt"], SEPARATOR)
    rows.refuse(separated, "prompt", "the control character U+001F in prompt", "remove the character")
    if layout.name == "pairs":
        equal = pc.equal(rows.table["chosen"], rows.table["rejected"])
        rows.refuse(equal, "chosen", "chosen equal to rejected", "remove these rows: they hold no preference")


def _refuse_null(rows: Rows, name: str) -> None:
    rows.refuse(rows.table[name].is_null(), name, f"no {name} (null)", "fill it in or remove these rows")


def _refuse_blank(rows: Rows, name: str) -> None:
    allowed = ", or set empty_prompts if they are meant" if name == "prompt" else ""
    rows.refuse(is_blank(rows.table[name]), name, f"an empty {name}", f"fill it in or remove these rows{allowed}")


def _refuse_infinite(rows: Rows, name: str) -> None:
    bad = pc.invert(pc.is_finite(rows.table[name]))
    unknown = " or leave it null" if name == "margin" else ""
    rows.refuse(bad, name, f"a {name} that is not a finite number", f"write a number{unknown}, or remove these rows")
