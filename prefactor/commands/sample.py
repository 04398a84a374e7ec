"""``prefactor data sample``: files as a source publishes them, with our words in them."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Size(StrEnum):
    """How much to write."""

    small = "small"
    published = "published"


def sample(
    source: Annotated[str, typer.Argument(help="lamp, personalllm, prism or tldr.")],
    folder: Annotated[Path, typer.Argument(help="Where to: a new folder, or an empty one.")],
    size: Annotated[Size, typer.Option(help="published: as many rows as the real files have; takes minutes.")] = (
        Size.small
    ),
) -> None:
    """Write made-up files in a source's published format, with its awkward cases, to see how the source is read.

    No text or judgement of the real data is in them.
    """
    from prefactor.datasets.samples import find_sample, write_sample

    write_sample(source, folder, find_sample(source).published if size is Size.published else None)
    for path in sorted(item for item in folder.rglob("*") if item.is_file()):
        typer.echo(f"{path} ({path.stat().st_size / 2**20:,.1f} MiB)")
