"""What several commands take, and how it is read."""

from pathlib import Path
from typing import Annotated

import typer

from prefactor.errors import InputError

Params = Annotated[Path, typer.Option(help="The file that describes datasets.")]
Columns = Annotated[
    str | None,
    typer.Option(help="Columns of a file of your own: user_id=rater,group_id=talk.", metavar="NAME=COLUMN,..."),
]


def read_columns(text: str | None) -> dict[str, str]:
    """``user_id=rater,chosen=better`` as a mapping of normalized names to columns."""
    found: dict[str, str] = {}
    for part in (text or "").split(","):
        name, equals, column = (piece.strip() for piece in part.partition("="))
        if text and not (name and equals and column):
            raise InputError(f"--columns: {part!r} is not NAME=COLUMN: write e.g. user_id=rater,group_id=talk")
        if name in found:
            raise InputError(f"--columns: {name} is given twice: keep one")
        if name:
            found[name] = column
    return found
