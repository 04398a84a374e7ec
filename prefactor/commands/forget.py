"""`prefactor data forget`: remove a user from what the pipeline keeps, and say which models had seen them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from prefactor.forgetting.forgetting import Report

GAP = "  "


def forget(
    user_id: Annotated[str, typer.Argument(help="The user's id, as in your data.")],
    dataset: Annotated[
        str | None, typer.Option(help="Of this dataset alone; needed where several have the id.")
    ] = None,
    root: Annotated[Path, typer.Option(help="The project's root; its studies are searched too.")] = Path(),
    everywhere: Annotated[bool, typer.Option("--everywhere", help="Of every dataset that has the id.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    store: Annotated[
        list[str] | None,
        typer.Option(help="A user store of the online service beside those in data/online: its URL; repeatable."),
    ] = None,
) -> None:
    """Remove a user from data, caches, models, reports and user stores, and keep them out of every rebuild.

    Your own input files are not touched. Where users have pseudonyms, the key must be set. Exit code 1 if anything
    is left that mentions the user.
    """
    from prefactor.forgetting.forgetting import forget as forget_user

    report = forget_user(root, user_id, dataset, everywhere, dry_run, store or ())
    for line in lines(report, dry_run):
        print(line)
    if report.left and not dry_run:
        raise typer.Exit(1)


def lines(report: "Report", dry_run: bool) -> Iterator[str]:
    """What a person reads of a report."""
    had = bool(report.removals) or any(each.pairs is not None for each in report.online)
    if report.before and not had:
        yield "The user was forgotten before; nothing of theirs was found."
    yield from _section("Would be removed" if dry_run else "Removed", _removals(report))
    yield from _section("Models that had seen the user", _exposures(report))
    here = report.listed.parent
    inputs, left = ([_from(here, path) for path in paths] for paths in (report.inputs, report.left))
    yield from _section("Not touched, because they are yours; they may still hold the user", inputs)
    yield from _section("Left, because they are not made by the pipeline: delete or edit them", left)
    if report.left and not dry_run:
        journals = [_from(here, path) for path in report.journals]
        yield from _section("Kept until nothing is left, with the id in it", journals)
    yield from _section("Out of reach", report.elsewhere)
    if report.kept_out and not dry_run:
        yield f"Rebuilds leave the user out: {report.listed} says so by a digest. Commit it, then run `dvc repro`."


def _section(title: str, rows: Sequence[object]) -> Iterator[str]:
    if rows:
        yield f"{title}:"
        yield from (f"{GAP}{row}" for row in rows)


def _removals(report: "Report") -> list[str]:
    here = report.listed.parent
    rows = [(each.name.removeprefix(f"{here}/"), each.what()) for each in report.online if each.what()]
    rows += [(str(_from(here, removal.place)), removal.what) for _, removal in report.removals]
    return _table(rows)


def _exposures(report: "Report") -> list[str]:
    here = report.listed.parent
    rows = []
    for root, each in report.exposures:
        study = str(_from(here, root))
        model = each.model if study == "." else f"{study}: {each.model}"
        rows.append((model + (f" (seeds {each.seeds})" if each.seeds else ""), each.seen, each.advice))
    return _table(rows)


def _from(here: Path, path: Path) -> Path:
    return path.relative_to(here) if path.is_relative_to(here) else path


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
