"""Stage latency: how long every method takes to adapt to a new user, and the backbone to read their pairs."""

import json
from dataclasses import asdict, replace
from itertools import product

import pandas as pd
import torch

from prefactor import layout
from prefactor.atomic import atomic_folder, write_json
from prefactor.backbones import Backbone, BackboneParameters, States, load_backbone, open_states
from prefactor.evaluation.latency import (
    LEAST,
    RUNS,
    SHOTS,
    TEXT_PATIENCE,
    Latency,
    Newcomers,
    adapting,
    affordable,
    is_personal,
    latency_rows,
    machine,
    reading,
    sample_texts,
)
from prefactor.evaluation.results import in_schema, write_results
from prefactor.layout import Cell, seed_folder
from prefactor.methods.storage import load_model
from prefactor.parameters import build, load_parameters, section
from stages.evaluate import leakage_rule
from stages.running import run
from stages.trainings import cell_cohorts, method_kind, run_parameters


@torch.no_grad()
def latency(dataset: str, backbone: str) -> None:
    """Time the first seed of every method and variant; write results.parquet, and machine.json beside it."""
    parameters, reader = run_parameters(), _reader(backbone)
    where = machine(reader.device)
    states = open_states(layout.states(dataset, backbone), reader.identity())
    cells = [Cell(dataset, backbone, *names) for names in product(parameters.methods, parameters.variants)]
    users, (texts, each) = _newcomers(cells, states), _read(reader, dataset)
    per_user, seed = next(iter(users.values())).texts(), parameters.seeds[0]
    frames = [_time(cell, seed, users[method_kind(cell).view], each.times(per_user)) for cell in cells]
    about = {"shots": SHOTS, "seed": seed, "runs": RUNS, "texts": texts, "texts_per_user": per_user}
    with atomic_folder(layout.latency(dataset, backbone)) as scratch:
        write_results(in_schema(pd.concat(frames, ignore_index=True)), scratch / "results.parquet")
        write_json(scratch / "machine.json", {**where, **about, "seconds_per_text": each._asdict()})


def _reader(backbone: str) -> Backbone:
    key = f"backbones.{backbone}"
    parameters = build(BackboneParameters, section(load_parameters(), key), key)
    return load_backbone(replace(parameters, log_probabilities=False))  # as it is served: without the head's work


def _read(reader: Backbone, dataset: str) -> tuple[int, Latency]:
    """The number of texts that there was time for, and the seconds that each takes."""
    sample = sample_texts(layout.prepared(dataset) / "texts.parquet")
    texts = affordable(sample, lambda text: reader.encode([text[0]], [text[1]]), TEXT_PATIENCE)
    return len(texts), reading(reader, texts)


def _newcomers(cells: list[Cell], states: States) -> dict[str, Newcomers]:
    """The same unseen users with each view that some method reads."""
    views = {method_kind(cell).view: cell for cell in cells}
    return {view: Newcomers.unseen(cell_cohorts(cell, states)["unseen"]) for view, cell in views.items()}


def _time(cell: Cell, seed: int, users: Newcomers, read: Latency) -> pd.DataFrame:
    """One model's rows; ``read`` is what the texts of a user take, if the model makes anything of them."""
    model = load_model(seed_folder(cell.model, seed))
    model.tuned_view = model.view  # how long it takes does not depend on whose states they are
    afforded = users.with_singles(affordable(users.singles, model.adapt))
    needed = model.view == "states" and is_personal(model, users.batch.users_between(0, LEAST))
    return latency_rows(afforded, adapting(model, afforded), read if needed else None, _identity(cell, seed))


def _identity(cell: Cell, seed: int) -> dict[str, str]:
    training = json.loads((cell.model / "training.json").read_text(encoding="utf-8"))
    protocol = leakage_rule(layout.split(cell.dataset))
    return {**asdict(cell), "protocol": protocol, "setting": "", "seed": str(seed), "run": training["run"]}


if __name__ == "__main__":
    run(latency)
