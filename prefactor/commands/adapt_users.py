"""``prefactor adapt-users``: weights and uncertainties of very many users, from a table of their reference pairs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefactor.commands.arguments import TrackingUri
from prefactor.errors import InputError

if TYPE_CHECKING:
    from prefactor.adaptation.origin import Origin


def adapt_users(
    pairs: Annotated[
        Path, typer.Argument(help="A parquet file or a folder of them: user_id, chosen and rejected (text ids).")
    ],
    out: Annotated[Path, typer.Argument(help="Where to: a new folder, which holds parquet files in the end.")],
    model: Annotated[Path | None, typer.Option(help="The folder of a trained VRF, or of a packed one.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="In place of --model: the registered model of this dataset, and its states.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Which one of it: an alias or a number; the champion unless given.")
    ] = None,
    states: Annotated[Path | None, typer.Option(help="The cache of the texts' states.")] = None,
    state: Annotated[
        bool, typer.Option("--state", help="Keep what later pairs move on, as the user store keeps it.")
    ] = False,
    sort: Annotated[bool, typer.Option("--sort", help="Sort the pairs by user first, on the disk beside OUT.")] = False,
    threads: Annotated[int | None, typer.Option(help="Cores to use; all by default.", min=1)] = None,
    root: Annotated[Path, typer.Option(help="The project's root.")] = Path(),
    tracking_uri: TrackingUri = None,
) -> None:
    """Adapt to every user of a table, each from their own pairs alone. Memory does not grow with users.

    A user's rows must lie together and user_id ascend by bytes, or give --sort. Killed, it goes on where it was when it
    is run again; OUT appears when all is done.
    """
    from prefactor.adaptation.job import Job
    from prefactor.adaptation.run import adapt_users as run

    origin = _origin(dataset, version, states, root, tracking_uri) if model is None else None
    model, states = (model, states) if origin is None else (origin.model, origin.states)
    if model is None or states is None:
        raise InputError("which states does the model read: name their cache with --states")
    report = run(Job(pairs, model, states, out, state=state, sort=sort), threads)
    typer.echo(
        f"{report.users:,} users of {report.pairs:,} pairs in {report.seconds:,.1f} s"
        + (f", {report.kept:,} of them by an earlier run" if report.kept else "")
        + f": {out}"
    )


def _origin(
    dataset: str | None, version: str | None, states: Path | None, root: Path, tracking_uri: str | None
) -> "Origin":
    from prefactor.adaptation.origin import registered
    from prefactor.tracking.aliases import CHAMPION

    if dataset is None:
        raise InputError("which model: name its folder with --model, or a dataset of the registry with --dataset")
    return registered(dataset, root, version or CHAMPION, states, tracking_uri)
