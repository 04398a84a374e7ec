"""``prefactor promote``: a challenger takes the champion's place, if every gate lets it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefactor.commands.arguments import DecisionOut, TrackingUri, check_output_folder, run_dataset, writing

if TYPE_CHECKING:
    from prefactor.promotion.decision import Decision

REFUSED_STATUS = 3


def promote(
    dataset: Annotated[str | None, typer.Option(help="Whose model; the run's only dataset if it has one.")] = None,
    challenger: Annotated[str, typer.Option(help="A version by its number or an alias.")] = "challenger",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure only: change and record nothing.")] = False,
    out: DecisionOut = None,
    root: Annotated[Path, typer.Option(help="The project's root.")] = Path(),
    tracking_uri: TrackingUri = None,
) -> None:
    """Hold a challenger against the champion on the same frozen evaluation set, and serve it if all gates let it.

    Every decision becomes an MLflow run with its evidence, a refusal too, which ends with exit status 3. What was
    served before is @previous: `prefactor rollback` brings it back.
    """
    from prefactor.parameters import load_parameters
    from prefactor.promotion.promoting import promote as promote_model

    if out is not None:
        check_output_folder(out)
    name = run_dataset(root, dataset)
    _use_threads(load_parameters(root / "params.yaml"))
    decision = promote_model(root, name, challenger, tracking_uri, dry_run)
    tell(decision, out, dry_run)
    if not decision.moves:
        raise typer.Exit(REFUSED_STATUS)


def tell(decision: "Decision", out: Path | None, dry_run: bool = False) -> None:
    """Print a decision, and leave it in a folder too; printed first, for it stands whatever becomes of the folder."""
    from prefactor.promotion.report import write_decision

    for line in _lines(decision, dry_run):
        typer.echo(line)
    if out is not None:
        with writing(out):
            write_decision(out, decision)


def _lines(decision: "Decision", dry_run: bool) -> Iterator[str]:
    """What a person reads of a decision."""
    from prefactor.promotion.report import plain

    if decision.completed:
        yield "An earlier decision was carried out, which had been stopped half-way:"
    yield f"{decision.model} version {decision.after}, against {_champion(decision)}:" if dry_run else decision.title
    if decision.evidence is not None:
        yield from plain(decision.evidence.gates)
    if dry_run:
        yield f"It would be {decision.outcome}. Nothing was changed or recorded."
    elif decision.run_id is not None:
        yield f"MLflow run: {decision.run_id}"


def _champion(decision: "Decision") -> str:
    return f"version {decision.before}" if decision.before else "no champion"


def _use_threads(values: dict) -> None:
    """As many as the stages use: the last digits of every sum depend on it."""
    import torch

    torch.set_num_threads((values.get("run") or {}).get("threads", 2))
