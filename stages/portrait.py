"""Stage portrait: what the default VRF has learnt of its users, on one dataset's states by one backbone."""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import torch

from prefactor import layout
from prefactor.atomic import atomic_folder, write_json
from prefactor.backbones import States
from prefactor.cohorts import load_cohorts
from prefactor.evaluation.labels import TextRows, read_scores, scorer_labels, word_labels
from prefactor.evaluation.portrait import FEW_SHOTS, basis_rewards, coverage, people, space
from prefactor.layout import Cell, seed_folder
from prefactor.methods.base import UserState
from prefactor.methods.storage import load_model
from prefactor.methods.vrf import VRF
from prefactor.preferences import Responses
from stages.running import run
from stages.trainings import RunParameters, cell_cohorts, cell_states, run_parameters

METHOD, VARIANT = "vrf", "default"


@torch.no_grad()
def portrait(dataset: str, backbone: str) -> None:
    """Write coverage, space and labels as tables, and portraits.json; an empty folder for a run without the model."""
    parameters = run_parameters()
    cell = Cell(dataset, backbone, METHOD, VARIANT)
    with atomic_folder(layout.portrait(dataset, backbone)) as scratch:
        if METHOD in parameters.methods and VARIANT in parameters.variants:
            _draw(cell, parameters, scratch)


def _draw(cell: Cell, parameters: RunParameters, folder: Path) -> None:
    seed = parameters.seeds[0]
    model = load_model(seed_folder(cell.model, seed))
    assert isinstance(model, VRF)
    training = json.loads((cell.model / "training.json").read_text(encoding="utf-8"))
    states = cell_states(cell, training["backbone"])
    cohorts = cell_cohorts(cell, states)
    users = {split: model.adapt(cohorts[split].known()) for split in ("seen", "unseen")}
    few = model.adapt(cohorts["unseen"].known(FEW_SHOTS))
    plane, explained = space(model, users)
    tables = {
        "coverage": coverage({**{(split, None): state for split, state in users.items()}, ("unseen", FEW_SHOTS): few}),
        "space": plane,
        "labels": _labels(cell, model, states, users["seen"]),
    }
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", compression="zstd", index=False)
    about = {"seed": seed, "run": training["run"], "explained": explained, "people": people(model, cohorts["unseen"])}
    write_json(folder / "portraits.json", about)


def _labels(cell: Cell, model: VRF, states: States, seen: UserState) -> pd.DataFrame:
    """By scorers where there are any, else by words."""
    prepared = layout.prepared(cell.dataset)
    scores = read_scores(prepared)
    if scores is None:
        texts = pq.read_table(prepared / "texts.parquet", columns=["text_id", "response"]).to_pandas()
        cohorts = load_cohorts(layout.split(cell.dataset), {"text": TextRows(pd.Index(texts["text_id"]))})
        return word_labels(seen["weight"], cohorts["seen"].known(), texts["response"])
    known = torch.from_numpy(states.gather(scores["text_id"].tolist()))
    responses = Responses({"states": known}, torch.arange(len(known)))
    return scorer_labels(basis_rewards(model, responses), scores)


if __name__ == "__main__":
    run(portrait)
