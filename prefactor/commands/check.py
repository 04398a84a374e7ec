"""``prefactor data check``: what the pipeline would make of a file, before anything is built."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prefactor.commands.arguments import Columns, Params, Source, read_columns
from prefactor.errors import InputError

if TYPE_CHECKING:
    from prefactor.inspection.dataset import Dataset


def check(
    file: Annotated[Path | None, typer.Argument(help="A file or folder of your own preferences.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Read and split it as this dataset of params.yaml; FILE in place of its input.")
    ] = None,
    params: Params = Path("params.yaml"),
    columns: Columns = None,
    source: Source = None,
    empty_prompts: Annotated[bool, typer.Option("--empty-prompts", help="Empty prompts are meant.")] = False,
    minimum_margin: Annotated[
        float, typer.Option(help="Least difference between the highest and the lowest score of a set.")
    ] = 0.0,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse opposite labels of one pair from one user.")] = False,
    docs: Annotated[
        Path | None, typer.Option(help="Leave the Data Docs there, with the rows that failed.", metavar="FOLDER")
    ] = None,
) -> None:
    """Say what would be dropped of a file and why, whether it passes the gates, and what a split would leave unused.

    Nothing is left behind but --docs. No text of a prompt or response is printed. Ends with 1 if a gate is not passed.
    """
    from prefactor.inspection.findings import found
    from prefactor.inspection.trial import attempt

    given = {"empty_prompts": empty_prompts, "minimum_margin": minimum_margin, "strict": strict}
    options: dict[str, Any] = {name: value for name, value in given.items() if value}
    if mapping := read_columns(columns):
        options["columns"] = mapping
    chosen = _chosen(file, dataset, params, options, source)
    trial = attempt(chosen, _quality(dataset, params), docs)
    typer.echo(found(trial, docs))
    if not trial.passed:
        raise InputError(f"{chosen.name} did not pass: see above")


def _chosen(
    file: Path | None, dataset: str | None, params: Path, options: dict[str, Any], source: str | None
) -> "Dataset":
    from prefactor.inspection.dataset import OWN, named_dataset, own_file

    if dataset is None:
        if file is None:
            raise InputError("nothing to check: name a file, or a dataset of params.yaml with --dataset")
        return own_file(file, options, source or OWN)
    if given := [*options, *(["source"] if source is not None else [])]:
        told = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise InputError(f"{told} beside --dataset: the dataset's options in {params} say how it is read")
    named = named_dataset(dataset, params)
    return named if file is None else replace(named, input=file)


def _quality(dataset: str | None, params: Path) -> Any:
    """The gate's bounds: those of ``params`` for one of its datasets, else the defaults."""
    from prefactor.parameters import build, load_parameters
    from prefactor.quality import QualityParameters

    values = load_parameters(params).get("quality") if dataset is not None else None
    return build(QualityParameters, values, "quality")
