"""Stage evaluate: one trained method on evaluation pairs, all seeds."""

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from prefactor import layout
from prefactor.atomic import atomic_folder
from prefactor.cohorts import Cohort, StateView
from prefactor.errors import InputError
from prefactor.evaluation.ceiling import Truth, read_truth
from prefactor.evaluation.draws import draw_rows, draws_table, judge_draws
from prefactor.evaluation.fewshot import judge
from prefactor.evaluation.items import read_kind
from prefactor.evaluation.recovery import CandidatePool
from prefactor.evaluation.results import (
    in_schema,
    outcomes,
    per_user_table,
    reliability,
    result_rows,
    selective,
    write_results,
)
from prefactor.evaluation.size import parameters_by_users
from prefactor.evaluation.slices import read_groups, slice_rows
from prefactor.layout import Cell
from prefactor.parameters import build, load_parameters, nearest, section
from stages.running import run
from stages.trainings import (
    EvaluationParameters,
    SliceParameters,
    cell_cohorts,
    cell_states,
    cell_views,
    run_parameters,
    seed_model,
)


def evaluate(dataset: str, backbone: str, method: str, variant: str) -> None:
    """Judge a cell's models; write results.parquet, users and outcomes for paired comparisons, curves and counts."""
    cell = Cell(dataset, backbone, method, variant)
    parameters = build(EvaluationParameters, section(load_parameters(), "evaluation"), "evaluation")
    groups = _groups(cell.dataset, parameters.slices)
    models = {str(seed): seed_model(cell, seed) for seed in run_parameters().seeds}
    training = json.loads((cell.model / "training.json").read_text(encoding="utf-8"))
    states = cell_states(cell, training["backbone"])
    cohorts = cell_cohorts(cell, states, models.values())
    kind, identity = read_kind(layout.prepared(cell.dataset)), _identity(cell, training["run"])
    candidates = _candidates(cell, cell_views(cell, states, models.values()), cohorts)
    judged = judge(models, cohorts, parameters.shots, candidates, kind, parameters.doubts, parameters.recovery)
    first, draws = dict([*models.items()][: parameters.draw_seeds]), parameters.draws_of(cell.method)
    drawn = judge_draws(first, cohorts["unseen"], parameters.draw_shots, draws, kind)
    rows = [result_rows(judged, identity), slice_rows(judged, groups, parameters.slices.smallest, identity)]
    rows += [draw_rows(drawn, identity)]
    results = in_schema(pd.concat([found for found in rows if len(found)], ignore_index=True))
    with atomic_folder(cell.evaluation) as scratch:
        write_results(results, scratch / "results.parquet")
        tables = {"users": per_user_table(judged), "reliability": reliability(judged), "selective": selective(judged)}
        tables |= {"outcomes": outcomes(judged), "draws": draws_table(drawn)}
        steps = training["parameters"]["basis_training"] is not None
        tables["size"] = parameters_by_users(next(iter(models.values())), steps)
        for name, table in tables.items():
            table.to_parquet(scratch / f"{name}.parquet", compression="zstd", index=False)


def _groups(dataset: str, slices: SliceParameters) -> pd.DataFrame:
    """The groups that the dataset's users are in, by the attributes that are asked for."""
    known = section(load_parameters(), "datasets")
    for name in (name for name in slices.datasets if name not in known):
        raise InputError(f"evaluation.slices.attributes: unknown dataset {name!r}{nearest(name, known, 'datasets')}")
    return read_groups(layout.prepared(dataset), slices.of(dataset))


def _candidates(cell: Cell, views: Mapping[str, StateView], cohorts: Mapping[str, Cohort]) -> CandidatePool | None:
    """Candidates with their true utilities, where the source knows them and the method reads a response."""
    prepared = layout.prepared(cell.dataset)
    truth = read_truth(prepared)
    if not isinstance(truth, Truth) or not views:
        return None
    return CandidatePool.of(truth, prepared, layout.split(cell.dataset), views, cohorts)


def _identity(cell: Cell, training: str) -> dict[str, str]:
    return {
        "dataset": cell.dataset,
        "protocol": leakage_rule(layout.split(cell.dataset)),
        "backbone": cell.backbone,
        "method": cell.method,
        "variant": cell.variant,
        "setting": "",
        "run": training,
    }


def leakage_rule(split: Path) -> str:
    """The rule that a split keeps, from its manifest."""
    return json.loads((split / "manifest.json").read_text())["parameters"]["leakage"]


if __name__ == "__main__":
    run(evaluate)
