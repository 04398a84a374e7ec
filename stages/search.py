"""Stage search: a method's configurations, each trained on datasets of the run and scored on validation pairs."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from prefactor import layout
from prefactor.atomic import atomic_folder
from prefactor.cohorts import Cohort
from prefactor.errors import InputError
from prefactor.evaluation.variants import DEFAULT
from prefactor.layout import Cell
from prefactor.parameters import build, load_parameters, merged, section
from prefactor.search import BASIS, MODEL, SearchParameters, configurations, score
from prefactor.training import Row as TrainingRow
from prefactor.training import Trained, train
from stages.running import run
from stages.trainings import (
    Fitted,
    MethodParameters,
    RunParameters,
    best_choice,
    cell_cohorts,
    cell_states,
    new_model,
    run_parameters,
    stage_name,
    trained_basis,
)

ABOUT = ("number", "changes", "trained")  # of a configuration's row; all else is a world and its scores
Row = dict[str, Any]


def search(method: str) -> None:
    """Score all configurations; leave them, best first, as CSV. A killed search goes on after its last whole one."""
    parameters = build(SearchParameters, section(load_parameters(), "search"), "search")
    if method not in parameters.spaces:
        raise InputError(f"search.spaces has no {method}: say what is searched")
    parts = [layout.search(method).with_suffix(f".round-{number}.part") for number in (1, 2)]
    first, second = _worlds(run_parameters(), parameters, method)
    rows = _round(_drawn(method, parameters), first, parameters, parts[0])
    if second:
        going_on = [{name: rows[at][name] for name in ABOUT} for at in _finalists(rows, parameters.finalists)]
        for row in _round(going_on, second, parameters, parts[1]):
            rows[row["number"]] |= row
    table = as_table(rows, parameters.tie)
    with atomic_folder(layout.search(method)) as scratch:
        table.to_csv(scratch / "configurations.csv", index=False)
    for part in parts:
        part.unlink(missing_ok=True)
    chosen = table[table["chosen"]].iloc[0]
    print(f"search {method}: of {len(table)} configurations {chosen['number']} is chosen, {chosen['score']:.4f}")
    print(f"search {method}: {chosen['changes']}")


def as_table(rows: list[Row], tie: float) -> pd.DataFrame:
    """A row per configuration, best first: number, changes (JSON), epochs, worlds, score, chosen, and its parts.

    A configuration that was scored in more worlds, which is one that went on, comes before all that were not. Of those
    within ``tie`` of the first the one with the fewest epochs is chosen.
    """
    flat = []
    for row in rows:
        scores = {place: found for place, found in row.items() if place not in ABOUT}
        single = {f"{place} {name}": value for place, found in scores.items() for name, value in found.items()}
        mean = sum(found["mean"] for found in scores.values()) / len(scores)
        about = {"number": row["number"], "changes": json.dumps(row["changes"]), "epochs": _epochs(row["trained"])}
        flat.append({**about, "worlds": len(scores), "score": mean, **single})
    order = ["worlds", "score", "number"]
    table = pd.DataFrame(flat).sort_values(order, ascending=[False, False, True], ignore_index=True)
    level = table[(table["worlds"] == table["worlds"][0]) & (table["score"] >= table["score"][0] - tie)]
    table.insert(5, "chosen", table.index == level["epochs"].idxmin())
    return table


def _drawn(method: str, parameters: SearchParameters) -> list[Row]:
    base = section(load_parameters(), f"methods.{method}.{DEFAULT}")
    drawn = configurations(parameters.spaces[method], parameters.number, parameters.seed, method)
    return [{"number": at, "changes": it, "trained": merged(base, it)} for at, it in enumerate(drawn)]


def _worlds(runs: RunParameters, parameters: SearchParameters, method: str) -> tuple[list[Cell], list[Cell]]:
    """The worlds of the first round and of the second."""
    final = parameters.final_datasets
    first = [dataset for dataset in runs.datasets if dataset not in final]
    if len(first) + len(final) > len(runs.datasets) or not first:
        raise InputError("search.final_datasets must be some of run.datasets, not all: add them there")
    return _cells(runs, first, method), _cells(runs, final, method)


def _finalists(rows: list[Row], number: int) -> list[int]:
    best = sorted(as_table(rows, 0.0)["number"][:number])
    return best if 0 in best else [*best, 0]  # `default`: nothing is replaced without being compared


def _epochs(trained: dict[str, Any]) -> int:
    steps = (trained.get(name) or {} for name in ("basis_training", "training"))
    return sum(step.get("epochs", 0) for step in steps)


def _cells(runs: RunParameters, datasets: Sequence[str], method: str) -> list[Cell]:
    return [Cell(*place, method, DEFAULT) for place in product(datasets, runs.backbones)]


def _round(rows: list[Row], cells: list[Cell], parameters: SearchParameters, part: Path) -> list[Row]:
    """The ``rows`` with the scores of the ``cells``' worlds; each is kept in ``part`` as soon as it has them all."""
    worlds = {cell: cell_cohorts(cell, cell_states(cell)) for cell in cells}
    done = _earlier(part, [row["trained"] for row in rows], {_world(cell) for cell in cells})
    for row in rows[len(done) :]:
        scores = {_world(cell): _scored(cell, row["trained"], worlds[cell], parameters) for cell in cells}
        done.append(row | scores)
        with part.open("a", encoding="utf-8") as file:
            file.write(json.dumps(done[-1]) + "\n")
    return done


def _world(cell: Cell) -> str:
    return f"{cell.dataset}/{cell.backbone}"


def _earlier(path: Path, trained: list[Any], worlds: set[str]) -> list[Row]:
    """What a killed search has left, if it trained the same in the same worlds; a line that it broke off is dropped."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    rows = [json.loads(line) for line in lines if line.endswith("\n")]
    alike = [row["trained"] for row in rows] == trained[: len(rows)]
    if not alike or any({*row} - {*ABOUT} != worlds for row in rows):
        rows = []
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines[: len(rows)]), encoding="utf-8")
    return rows


def _scored(cell: Cell, values: Any, cohorts: dict[str, Cohort], search: SearchParameters) -> dict[str, float]:
    """Train one configuration in one world; its scores and seconds."""
    started = time.monotonic()
    scores, _ = scored(cell, values, cohorts, search.seed, search.shots, "search")
    return {**scores, "seconds": round(time.monotonic() - started, 1)}


Told = Callable[[int, str, TrainingRow], None]  # is told of a choice's number, its step of training, a history's row


def scored(
    cell: Cell,
    values: Any,
    cohorts: Mapping[str, Cohort],
    seed: int,
    shots: Sequence[int],
    stage: str,
) -> tuple[dict[str, float], Trained]:
    """Train one configuration, as :func:`fitted`, and keep nothing of it but its scores, and how it went."""
    model, trained = fitted(cell, values, cohorts, seed, stage)
    return score(model, cohorts["seen"], cohorts["validation"], shots), trained


def fitted(
    cell: Cell,
    values: Any,
    cohorts: Mapping[str, Cohort],
    seed: int,
    stage: str,
    told: Told | None = None,
) -> Fitted:
    """Train one configuration, ``values`` of a method, with one seed: the model of its best choice, and how it went.

    ``told`` is as in ``train``. Raises InputError for values that are no such method's,
    and for those that train a backbone.
    """
    parameters = build(MethodParameters, values, cell.parameters)
    if parameters.tunes:
        raise InputError(f"{cell.parameters}.tuning: {stage} trains no backbone: set it to null, or its mode to frozen")
    seen, held_out = cohorts["seen"], cohorts["validation"]

    def teller(number: int, step: str) -> Callable[[TrainingRow], None] | None:
        return None if told is None else lambda row: told(number, step, row)

    def fit(number: int, choice: MethodParameters) -> Fitted:
        model = new_model(cell, choice, seen, seed)
        if choice.basis_training is not None:
            basis, _ = trained_basis(cell, choice, model, cohorts, seed, number, teller(number, BASIS))
            model.start_from(basis)
        name = stage_name(stage, cell, seed, number)
        return model, train(model, seen, held_out, choice.training, seed, name, teller(number, MODEL))

    model, trained, _ = best_choice(parameters, fit)
    return model, trained


if __name__ == "__main__":
    run(search)
