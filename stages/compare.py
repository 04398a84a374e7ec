"""Stage compare: all results side by side, the figures, the report."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Protocol

import pandas as pd

from prefactor import layout
from prefactor.atomic import write_json
from prefactor.evaluation.comparison import BASE, paired_differences
from prefactor.evaluation.generation.settings import joined_setting
from prefactor.evaluation.halves import (
    JOINER,
    Halves,
    Names,
    find_halves,
    item_names,
    pooled_outcomes,
    pooled_rows,
    pooled_users,
)
from prefactor.evaluation.items import Condition, Outcomes, differences, read_kind, read_outcomes
from prefactor.evaluation.ranking import ranking_rows
from prefactor.evaluation.results import in_schema, read_results, write_results
from prefactor.evaluation.signal import headline
from prefactor.evaluation.terciles import tercile_rows
from prefactor.evaluation.variants import DEFAULT, variations
from prefactor.layout import REPORTS, Cell
from prefactor.parameters import load_parameters, section
from prefactor.reading import read_object
from prefactor.reporting import ReportContext, collect, metrics, write_plots, write_report
from prefactor.trainings import Training
from stages.running import run
from stages.trainings import RunParameters, run_parameters

ROOT = Path()
REFERENCES = ("bt", "vrf")  # what paired differences of other methods are taken from


class Judgements(Protocol):
    """What is known of a cell's users, single pairs and identity."""

    def users(self, cell: Cell) -> pd.DataFrame: ...

    def outcomes(self, cell: Cell) -> dict[Condition, Outcomes]: ...

    def identity(self, cell: Cell) -> dict[str, str]: ...


class Own:
    """A cell's own, as stage evaluate left it."""

    def users(self, cell: Cell) -> pd.DataFrame:
        """Figures by user."""
        return pd.read_parquet(cell.evaluation / "users.parquet")

    def outcomes(self, cell: Cell) -> dict[Condition, Outcomes]:
        """Single pairs: read when needed, because those of all cells at once may not fit."""
        return read_outcomes(cell.evaluation / "outcomes.parquet")

    def identity(self, cell: Cell) -> dict[str, str]:
        """The columns that all of a cell's rows share."""
        first = read_results(cell.evaluation / "results.parquet").iloc[0]
        return {name: first[name] for name in ("dataset", "protocol", "backbone", "method", "variant", "run")}


OWN = Own()


@dataclass(frozen=True)
class Pooled:
    """Those of a cell on the first of two halves, together with the same method's on the other half."""

    halves: Halves

    def users(self, cell: Cell) -> pd.DataFrame:
        """Figures by user, of the splits that nobody is in twice."""
        return pooled_users(*(OWN.users(part) for part in self._parts(cell)))

    def outcomes(self, cell: Cell) -> dict[Condition, Outcomes]:
        """Single pairs of both halves; none where a half has none."""
        first, second = (OWN.outcomes(part) for part in self._parts(cell))
        return pooled_outcomes(first, second, self._items) if first and second else {}

    def identity(self, cell: Cell) -> dict[str, str]:
        """The first half's, under both halves' name and trainings."""
        first, second = (OWN.identity(part) for part in self._parts(cell))
        return {**first, "dataset": self.halves.name, "run": JOINER.join([first["run"], second["run"]])}

    @cached_property
    def _items(self) -> tuple[Names, Names]:
        first, second = (item_names(layout.split(name), read_kind(layout.prepared(name))) for name in self.halves)
        return first, second

    def _parts(self, cell: Cell) -> list[Cell]:
        return [replace(cell, dataset=name) for name in self.halves]


def compare() -> None:
    """Join the results of every cell of the run; write the table, DVC's metrics and plots, and the report."""
    parameters = run_parameters()
    results = joined(parameters)
    scored = in_schema(pd.concat([results, *personal_scores(parameters)], ignore_index=True))
    write_results(scored, REPORTS / "results.parquet", REPORTS / "results.csv")
    write_json(REPORTS / "metrics.json", metrics(results))
    context = collect(ROOT, *_commit())
    write_plots(results, REPORTS / "plots", context.trainings)
    write_report(ROOT, REPORTS / "index.html", results, context)
    for line in signal_lines(parameters, context):
        print(line)
    print(f"{len(scored):,} results in {REPORTS / 'results.csv'}; the report is {REPORTS / 'index.html'}")


def joined(parameters: RunParameters) -> pd.DataFrame:
    """Every cell's results, its paired differences, what its doubts know, its thirds by VRF's, the ceilings; and halves
    pooled."""
    frames = []
    for dataset, backbone in product(parameters.datasets, parameters.backbones):
        frames.append(read_results(layout.ceiling(dataset, backbone) / "results.parquet"))
        cells = _cells(parameters, dataset, backbone)
        frames += [read_results(cell.evaluation / "results.parquet") for cell in cells]
        frames += [*_paired(cells), *_ranked(cells), *_by_thirds(cells)]
    for halves, backbone in product(halves_in(parameters.datasets), parameters.backbones):
        frames += _pooled(halves, _cells(parameters, halves.first, backbone))
    return in_schema(pd.concat([frame for frame in frames if len(frame)], ignore_index=True))


def personal_scores(parameters: RunParameters) -> list[pd.DataFrame]:
    """What scorers that need a language model make of some of the same people's pairs: their page shows them.

    Of the language models and datasets that are named now. Their setting says of how many people: reward models are
    among them, on those few.
    """
    generation = section(load_parameters(), "generation")
    datasets = {*parameters.datasets, *generation["datasets"]}
    files = [layout.personal_scores(model) / "results.parquet" for model in generation["models"]]
    tables = [read_results(file) for file in files if file.exists()]
    found = [rows[rows["dataset"].isin(datasets)] for rows in tables]
    return [rows.assign(setting=rows.apply(_of_few, axis=1)) for rows in found if len(rows)]


def _of_few(row: pd.Series) -> str:
    return joined_setting(f"users={row['n_users']}", row["setting"])


def halves_in(datasets: Iterable[str]) -> list[Halves]:
    """The pairs of datasets that are two halves of the same people, by the manifests of their splits."""
    paths = {name: layout.split(name) / "manifest.json" for name in datasets}
    return find_halves({name: read_object(path) for name, path in paths.items() if path.exists()})


def signal_lines(parameters: RunParameters, context: ReportContext) -> list[str]:
    """Is there a personal signal: a line for each dataset and backbone of the run, as stage signal printed it."""
    tested = [context.signals.get(place) for place in product(parameters.datasets, parameters.backbones)]
    return [headline(found.findings) for found in tested if found is not None]


def _commit() -> tuple[str, bool]:
    """The commit that the report was made from, and whether tracked files had changed; nothing outside git."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return "", False


def _cells(parameters: RunParameters, dataset: str, backbone: str) -> list[Cell]:
    return [Cell(dataset, backbone, *row) for row in product(parameters.methods, parameters.variants)]


def _paired(cells: list[Cell], known: Judgements = OWN) -> list[pd.DataFrame]:
    """Differences from one BT and one VRF, of every other method's cells, and of every variant from its base."""
    figures = {cell: known.users(cell) for cell in cells}
    rows = []
    for reference, others in _compared(cells).items():
        single = known.outcomes(reference) if others else {}
        for cell, name in others:
            tables, pairs = (figures[cell], figures[reference]), differences(known.outcomes(cell), single)
            rows.append(paired_differences(*tables, known.identity(cell), name, reference.variant, pairs))
    return rows


def _pooled(halves: Halves, cells: list[Cell]) -> list[pd.DataFrame]:
    """Accuracies and paired differences over the users of both halves; ``cells`` are the first half's.

    None where no split has every user once. No overall: its two parts would be the same people.
    """
    known = Pooled(halves)
    figures = {cell: known.users(cell) for cell in cells}
    if not all(map(len, figures.values())):
        return []
    rows = [pooled_rows(figures[cell], known.outcomes(cell), known.identity(cell)) for cell in cells]
    return rows + [frame[frame["split"] != "overall"] for frame in _paired(cells, known)]


def _compared(cells: list[Cell]) -> dict[Cell, list[tuple[Cell, str]]]:
    """By reference, each cell that is held against it, and what the metric calls it: its method, or BASE."""
    common = {method: cell for method in REFERENCES if (cell := _reference(cells, method)) is not None}
    found = {cell: [(other, method) for other in cells if other.method != method] for method, cell in common.items()}
    for cell, base in _bases(cells).items():
        found.setdefault(base, []).append((cell, BASE))
    return found


def _bases(cells: list[Cell]) -> dict[Cell, Cell]:
    """What each cell that is a variant of another is a variant of."""
    trained = {cell: Training(**vars(cell), root=ROOT).summary["parameters"] for cell in cells}
    return {cell: replace(cell, variant=variation.base) for cell, variation in variations(trained).items()}


def _ranked(cells: list[Cell]) -> list[pd.DataFrame]:
    """What every cell's uncertainties know of its users' errors, against its own confidence and BT's."""
    reference = _reference(cells, "bt")
    bt = None if reference is None else OWN.users(reference)
    against = "" if reference is None else reference.variant
    return [
        ranking_rows(
            OWN.users(cell),
            OWN.identity(cell),
            None if cell == reference else bt,
            against,
            OWN.outcomes(cell),
        )
        for cell in cells
    ]


def _by_thirds(cells: list[Cell]) -> list[pd.DataFrame]:
    """Every cell's accuracy on thirds of users by the one VRF's uncertainty; none where no other method is run."""
    vrf = _reference(cells, "vrf")
    if vrf is None or all(cell.method == vrf.method for cell in cells):
        return []
    sorting, single = OWN.users(vrf), OWN.outcomes(vrf)
    return [
        tercile_rows(
            OWN.users(cell),
            sorting,
            OWN.identity(cell),
            vrf.variant,
            OWN.outcomes(cell),
            None if cell.method == vrf.method else single,
        )
        for cell in cells
    ]


def _reference(cells: list[Cell], method: str) -> Cell | None:
    """The method's default variant if it is run, else its first."""
    found = [cell for cell in cells if cell.method == method]
    return next((cell for cell in found if cell.variant == DEFAULT), found[0] if found else None)


if __name__ == "__main__":
    run(compare)
