"""Stage portrait: what the default VRF has learnt of its users, on one dataset's states by one backbone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import torch

from prefactor import layout
from prefactor.atomic import atomic_folder, write_json
from prefactor.backbones import States
from prefactor.cohorts import load_cohorts
from prefactor.evaluation.labels import TextRows, judged_labels, read_scores, scorer_labels, word_labels
from prefactor.evaluation.portrait import FEW_SHOTS, basis_rewards, coverage, directions, people, powers, space
from prefactor.judging.endpoint import Judge, JudgeParameters
from prefactor.layout import Cell
from prefactor.methods.base import UserState
from prefactor.methods.loadings import Power
from prefactor.methods.vrf import VRF
from prefactor.parameters import build, load_parameters, section
from prefactor.preferences import PairBatch, Responses
from stages.running import run
from stages.trainings import RunParameters, cell_cohorts, cell_states, cell_views, run_parameters, seed_model

METHOD, VARIANT = "vrf", "default"


@dataclass(frozen=True)
class PortraitParameters:
    """Section ``portrait``: the judge model that labels bases; None for none, and no use of the network."""

    judge: JudgeParameters | None = None


@torch.no_grad()
def portrait(dataset: str, backbone: str) -> None:
    """Write coverage, space and labels as tables, and portraits.json; an empty folder for a run without the model.

    Where the model found no direction of taste there is nothing to draw: portraits.json says so, alone.
    """
    parameters = run_parameters()
    judge = portrait_judge()
    cell = Cell(dataset, backbone, METHOD, VARIANT)
    with atomic_folder(layout.portrait(dataset, backbone)) as scratch:
        if METHOD in parameters.methods and VARIANT in parameters.variants:
            _draw(cell, parameters, judge, scratch)


def portrait_judge() -> Judge | None:
    """The judge that section ``portrait`` names. InputError if its key is missing."""
    parameters = build(PortraitParameters, section(load_parameters(), "portrait"), "portrait")
    return None if parameters.judge is None else Judge(parameters.judge, "portrait.judge")


def _draw(cell: Cell, parameters: RunParameters, judge: Judge | None, folder: Path) -> None:
    seed = parameters.seeds[0]
    model = _model(cell, seed)
    training = json.loads((cell.model / "training.json").read_text(encoding="utf-8"))
    about: dict[str, Any] = {"seed": seed, "run": training["run"], "directions": directions(model)}
    if about["directions"]:
        about |= _drawn(cell, model, cell_states(cell, training["backbone"]), judge, folder)
        about["powers"] = _powers(cell, parameters.seeds)
    write_json(folder / "portraits.json", about)


def _model(cell: Cell, seed: int) -> VRF:
    model = seed_model(cell, seed)
    assert isinstance(model, VRF)
    return model


def _powers(cell: Cell, seeds: Sequence[int]) -> dict[int, Power]:
    """Of every seed's model, for seeds choose differently; of those that found a direction of taste to weigh."""
    models = {seed: _model(cell, seed) for seed in seeds}
    return {seed: power for seed, model in models.items() if directions(model) and (power := powers(model))}


def _drawn(cell: Cell, model: VRF, states: States, judge: Judge | None, folder: Path) -> dict[str, Any]:
    """Leave the tables; what portraits.json says beside them."""
    cohorts = cell_cohorts(cell, states, [model])
    users = {split: model.adapt(cohorts[split].known()) for split in ("seen", "unseen")}
    few = model.adapt(cohorts["unseen"].known(FEW_SHOTS))
    four, marked = people(model, cohorts["unseen"])
    plane, explained = space(model, users, marked)
    tables = {
        "coverage": coverage({**{(split, None): state for split, state in users.items()}, ("unseen", FEW_SHOTS): few}),
        "space": plane,
        "labels": _labels(cell, model, states, users["seen"], judge),
    }
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", compression="zstd", index=False)
    return {"explained": explained, "people": four} | ({"judge": judge.model} if judge else {})


def _labels(cell: Cell, model: VRF, states: States, seen: UserState, judge: Judge | None) -> pd.DataFrame:
    """By scorers where there are any, else by words; and by the judge where there is one."""
    scores = read_scores(layout.prepared(cell.dataset))
    found = []
    if scores is not None:
        views = cell_views(cell, states, [model])
        known = {name: torch.from_numpy(view.gather(scores["text_id"].tolist())) for name, view in views.items()}
        responses = Responses(known, torch.arange(len(scores)))
        found.append(scorer_labels(basis_rewards(model, responses), scores))
    if scores is None or judge is not None:
        texts, pairs = _texts(cell)
        found += [word_labels(seen["weight"], pairs, texts["response"])] if scores is None else []
        found += [judged_labels(seen["weight"], pairs, texts, judge.ask)] if judge is not None else []
    return pd.concat(found, ignore_index=True)


def _texts(cell: Cell) -> tuple[pd.DataFrame, PairBatch]:
    """The prepared texts, and what is known of seen users with a view that is their rows."""
    columns = ["text_id", "prompt", "response"]
    texts = pq.read_table(layout.prepared(cell.dataset) / "texts.parquet", columns=columns).to_pandas()
    cohorts = load_cohorts(layout.split(cell.dataset), {"text": TextRows(pd.Index(texts["text_id"]))})
    return texts, cohorts["seen"].known()


if __name__ == "__main__":
    run(portrait)
