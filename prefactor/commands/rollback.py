"""``prefactor rollback``: what was served before is served again."""

from pathlib import Path
from typing import Annotated

import typer

from prefactor.commands.arguments import DecisionOut, TrackingUri, check_output_folder, run_dataset
from prefactor.commands.promote import tell


def rollback(
    dataset: Annotated[str | None, typer.Option(help="Whose model; the run's only dataset if it has one.")] = None,
    out: DecisionOut = None,
    root: Annotated[Path, typer.Option(help="The project's root.")] = Path(),
    tracking_uri: TrackingUri = None,
) -> None:
    """Serve @previous again, at once; its files are checked first. A second rollback takes back the first.

    What was rolled back is not promoted again unless it is named by its number.
    """
    from prefactor.promotion.rollback import rollback as roll_back

    if out is not None:
        check_output_folder(out)
    tell(roll_back(root, run_dataset(root, dataset), tracking_uri), out)
