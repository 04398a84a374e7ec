"""Stage search: a method's configurations, each trained on every dataset of the run and scored on validation pairs."""

import json
import time
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
from prefactor.search import SearchParameters, configurations, score
from prefactor.training import train
from stages.running import run
from stages.trainings import MethodParameters, cell_cohorts, cell_states, new_model, run_parameters, trained_basis

ABOUT = ("number", "changes", "trained")  # of a configuration's row; all else is a world and its scores


def search(method: str) -> None:
    """Score all configurations; leave them, best first, as CSV. A killed search goes on after its last whole one."""
    parameters = build(SearchParameters, section(load_parameters(), "search"), "search")
    if method not in parameters.spaces:
        raise InputError(f"search.spaces has no {method}: say what is searched")
    runs = run_parameters()
    base = section(load_parameters(), f"methods.{method}.{DEFAULT}")
    drawn = configurations(parameters.spaces[method], parameters.number, parameters.seed, method)
    trained = [merged(base, changes) for changes in drawn]
    cells = [Cell(*place, method, DEFAULT) for place in product(runs.datasets, runs.backbones)]
    worlds = {cell: cell_cohorts(cell, cell_states(cell)) for cell in cells}
    done = layout.search(method).with_suffix(".part")
    rows = _earlier(done, trained, {_world(cell) for cell in cells})
    for number, changes in [*enumerate(drawn)][len(rows) :]:
        row: dict[str, Any] = {"number": number, "changes": changes, "trained": trained[number]}
        for cell, cohorts in worlds.items():
            row[_world(cell)] = _scored(cell, trained[number], cohorts, parameters)
        rows.append(row)
        with done.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
    table = as_table(rows)
    with atomic_folder(layout.search(method)) as scratch:
        table.to_csv(scratch / "configurations.csv", index=False)
    done.unlink()
    best = table.iloc[0]
    print(f"search {method}: of {len(table)} configurations {best['score']:.4f} is best, `default` {_own(table):.4f}")
    print(f"search {method}: {best['changes']}")


def as_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A row per configuration, best first: number, changes (JSON), score, the scores behind it, seconds."""
    flat = []
    for row in rows:
        scores = {place: found for place, found in row.items() if place not in ABOUT}
        single = {f"{place} {name}": value for place, found in scores.items() for name, value in found.items()}
        mean = sum(found["mean"] for found in scores.values()) / len(scores)
        flat.append({"number": row["number"], "changes": json.dumps(row["changes"]), "score": mean, **single})
    return pd.DataFrame(flat).sort_values(["score", "number"], ascending=[False, True], ignore_index=True)


def _world(cell: Cell) -> str:
    return f"{cell.dataset}/{cell.backbone}"


def _own(table: pd.DataFrame) -> float:
    return float(table.loc[table["number"] == 0, "score"].iloc[0])


def _earlier(path: Path, trained: list[Any], worlds: set[str]) -> list[dict[str, Any]]:
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
    parameters = build(MethodParameters, values, cell.parameters)
    seen, held_out, seed, started = cohorts["seen"], cohorts["validation"], search.seed, time.monotonic()
    model = new_model(cell, parameters, seen, seed)
    if parameters.basis_training is not None:
        model.start_from(trained_basis(cell, parameters, model, cohorts, seed)[0])
    train(model, seen, held_out, parameters.training, seed, f"search {cell} seed {seed}")
    return {**score(model, seen, held_out, search.shots), "seconds": round(time.monotonic() - started, 1)}


if __name__ == "__main__":
    run(search)
