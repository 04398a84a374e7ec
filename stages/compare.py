"""Stage compare: all results side by side, the figures, the report."""

import subprocess
from dataclasses import replace
from itertools import product
from pathlib import Path

import pandas as pd

from prefactor import layout
from prefactor.atomic import write_json
from prefactor.evaluation.comparison import BASE, paired_differences
from prefactor.evaluation.items import Condition, Outcomes, differences, read_outcomes
from prefactor.evaluation.ranking import ranking_rows
from prefactor.evaluation.results import in_schema, read_results, write_results
from prefactor.evaluation.signal import headline
from prefactor.evaluation.terciles import tercile_rows
from prefactor.evaluation.variants import DEFAULT, variations
from prefactor.layout import REPORTS, Cell
from prefactor.reporting import ReportContext, collect, metrics, write_plots, write_report
from prefactor.trainings import Training
from stages.running import run
from stages.trainings import RunParameters, run_parameters

ROOT = Path()
REFERENCES = ("bt", "vrf")  # what paired differences of other methods are taken from


def compare() -> None:
    """Join the results of every cell of the run; write the table, DVC's metrics and plots, and the report."""
    parameters = run_parameters()
    results = joined(parameters)
    write_results(results, REPORTS / "results.parquet", REPORTS / "results.csv")
    write_json(REPORTS / "metrics.json", metrics(results))
    context = collect(ROOT, *_commit())
    write_plots(results, REPORTS / "plots", context.trainings)
    write_report(ROOT, REPORTS / "index.html", results, context)
    for line in signal_lines(parameters, context):
        print(line)
    print(f"{len(results):,} results in {REPORTS / 'results.csv'}; the report is {REPORTS / 'index.html'}")


def joined(parameters: RunParameters) -> pd.DataFrame:
    """Every cell's results, its paired differences, what its doubts know, its thirds by VRF's, and the ceilings."""
    frames = []
    for dataset, backbone in product(parameters.datasets, parameters.backbones):
        frames.append(read_results(layout.ceiling(dataset, backbone) / "results.parquet"))
        cells = [Cell(dataset, backbone, *row) for row in product(parameters.methods, parameters.variants)]
        frames += [read_results(cell.evaluation / "results.parquet") for cell in cells]
        frames += [*_paired(cells), *_ranked(cells), *_by_thirds(cells)]
    return in_schema(pd.concat([frame for frame in frames if len(frame)], ignore_index=True))


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


def _paired(cells: list[Cell]) -> list[pd.DataFrame]:
    """Differences from one BT and one VRF, of every other method's cells, and of every variant from its base."""
    figures = {cell: pd.read_parquet(cell.evaluation / "users.parquet") for cell in cells}
    rows = []
    for reference, others in _compared(cells).items():
        single = _outcomes(reference) if others else {}
        for cell, name in others:
            tables, pairs = (figures[cell], figures[reference]), differences(_outcomes(cell), single)
            rows.append(paired_differences(*tables, _identity(cell), name, reference.variant, pairs))
    return rows


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


def _outcomes(cell: Cell) -> dict[Condition, Outcomes]:
    """A cell's single pairs: read when needed, because those of all cells at once may not fit."""
    return read_outcomes(cell.evaluation / "outcomes.parquet")


def _ranked(cells: list[Cell]) -> list[pd.DataFrame]:
    """What every cell's uncertainties know of its users' errors, against its own confidence and BT's."""
    reference = _reference(cells, "bt")
    bt = None if reference is None else pd.read_parquet(reference.evaluation / "users.parquet")
    against = "" if reference is None else reference.variant
    return [
        ranking_rows(
            pd.read_parquet(cell.evaluation / "users.parquet"),
            _identity(cell),
            None if cell == reference else bt,
            against,
            _outcomes(cell),
        )
        for cell in cells
    ]


def _by_thirds(cells: list[Cell]) -> list[pd.DataFrame]:
    """Every cell's accuracy on thirds of users by the one VRF's uncertainty; none where no other method is run."""
    vrf = _reference(cells, "vrf")
    if vrf is None or all(cell.method == vrf.method for cell in cells):
        return []
    sorting, single = pd.read_parquet(vrf.evaluation / "users.parquet"), _outcomes(vrf)
    return [
        tercile_rows(
            pd.read_parquet(cell.evaluation / "users.parquet"),
            sorting,
            _identity(cell),
            vrf.variant,
            _outcomes(cell),
            None if cell.method == vrf.method else single,
        )
        for cell in cells
    ]


def _reference(cells: list[Cell], method: str) -> Cell | None:
    """The method's default variant if it is run, else its first."""
    found = [cell for cell in cells if cell.method == method]
    return next((cell for cell in found if cell.variant == DEFAULT), found[0] if found else None)


def _identity(cell: Cell) -> dict[str, str]:
    first = read_results(cell.evaluation / "results.parquet").iloc[0]
    return {name: first[name] for name in ("dataset", "protocol", "backbone", "method", "variant", "run")}


if __name__ == "__main__":
    run(compare)
