"""``prefactor diagnose``: what choosing among more candidates brings by anybody's scores, and what fails."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prefactor.commands.arguments import writing
from prefactor.commands.scores import Roles, Scores, read_scores
from prefactor.errors import InputError

if TYPE_CHECKING:
    from prefactor.evaluation.scaling.pool import Pool

PAGE = "index.html"
OUTPUTS = (PAGE, "figures.parquet", "users.parquet", "correlations.parquet", "about.json")


def diagnose(
    table: Annotated[Path, typer.Argument(help="A parquet or CSV file: a row per user, query and candidate.")],
    out: Annotated[Path, typer.Option(help="Where to: a new folder, an empty one, or an earlier diagnosis.")] = Path(
        "diagnosis"
    ),
    user: Annotated[str, typer.Option(help="The column of users.")] = "user",
    query: Annotated[str, typer.Option(help="The column of queries.")] = "query",
    candidate: Annotated[str, typer.Option(help="The column of candidates.")] = "candidate",
    gold: Annotated[str, typer.Option(help="The column of gold utility: what a candidate is truly worth.")] = "gold",
    score: Annotated[
        list[str] | None,
        typer.Option(help="A column of scores, <model> or <model>#<seed>; again for each. Default: all other numbers."),
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(help="Models to compare user by user: prob=det; again for each pair.", metavar="MODEL=OTHER"),
    ] = None,
    cost: Annotated[
        float | None, typer.Option(help="Of one candidate, in standard deviations of gold within a query.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="What the page calls the candidates; the file's name.")] = None,
) -> None:
    """Say of scored candidates what Best-of-N gains by each score, who has collapsed, what is hacked, what N pays.

    No model is needed, only what it made of the candidates. Writes a page and its tables.
    """
    _check_out(out)
    scores = read_scores(table, Roles(user, query, candidate, gold, tuple(score or ())))
    for line in _diagnosed(scores, table, out, title or table.stem, _pairs(against or []), cost):
        typer.echo(line)
    typer.echo(f"the page is {out / PAGE}")


def _diagnosed(
    scores: Scores, source: Path, out: Path, title: str, against: Mapping[str, str], cost: float | None
) -> list[str]:
    """Everything in its folder, whole or not at all; the summary's lines."""
    from dataclasses import replace

    from prefactor.atomic import atomic_folder
    from prefactor.evaluation.scaling.diagnosis import diagnose as diagnosis_of
    from prefactor.evaluation.scaling.pool import read_pool
    from prefactor.reporting.diagnosis import summary, write_page

    try:
        pool = read_pool(scores.table)
    except InputError as error:
        raise InputError(f"{source}: {error}") from error
    _check_gold(source, pool)
    _check_models(against, pool.models)
    found = diagnosis_of(pool, against=against)
    found = replace(found, about={"file": source.name, **found.about, "left_out": dict(scores.left_out)})
    with writing(out), atomic_folder(out) as scratch:
        found.write(scratch)
        write_page(scratch / PAGE, title, found, cost=cost)
    return summary(found, cost)


def _check_out(out: Path) -> None:
    """What is replaced as a whole must hold nothing but what this command writes."""
    if out.is_file():
        raise InputError(f"--out {out} is a file: name a folder")
    others = sorted(path.name for path in out.iterdir() if path.name not in OUTPUTS) if out.is_dir() else []
    if others:
        raise InputError(f"--out {out} holds {others[0]!r}, which is of no diagnosis: name a new or an empty folder")


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    """``prob=det`` as a mapping."""
    found: dict[str, str] = {}
    for text in texts:
        model, _, other = (part.strip() for part in text.partition("="))
        if not (model and other) or model == other:
            raise InputError(f"--against {text!r} is not MODEL=OTHER: write e.g. prob=det")
        if model in found:
            raise InputError(f"--against: {model} is held against {found[model]} and {other}: choose one")
        found[model] = other
    return found


def _check_models(against: Mapping[str, str], models: Sequence[str]) -> None:
    from prefactor.parameters import nearest

    for name in (name for pair in against.items() for name in pair if name not in models):
        raise InputError(f"--against: no scores of {name!r}{nearest(name, models, 'models')}")


def _check_gold(source: Path, pool: "Pool") -> None:
    if not any((block.gold != block.gold[:, :1]).any() for block in pool.blocks):
        raise InputError(f"{source}: gold is the same for all candidates of every set: no choice among them can matter")
