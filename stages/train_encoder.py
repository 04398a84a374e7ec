"""Stage train-encoder: a method's second training step, or its only one."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from prefactor.atomic import atomic_folder, write_json
from prefactor.backbones import States
from prefactor.cohorts import Cohort
from prefactor.layout import Cell, seed_folder
from prefactor.methods.base import ClosedForm, RewardModel
from prefactor.methods.storage import WEIGHTS, load_model, save_model, save_users
from prefactor.parameters import as_dict
from prefactor.training import Trained, train, write_history
from stages.running import run
from stages.trainings import (
    MethodParameters,
    cell_cohorts,
    cell_states,
    method_kind,
    method_parameters,
    new_model,
    run_parameters,
)


def train_encoder(dataset: str, backbone: str, method: str, variant: str) -> None:
    """Train every seed; keep the models, the seen users' cached states, the histories.

    A closed form draws nothing: where no first step makes seeds differ, the first one's fit is that of all.
    """
    cell = Cell(dataset, backbone, method, variant)
    parameters, states, seeds = method_parameters(cell), cell_states(cell), run_parameters().seeds
    cohorts = cell_cohorts(cell, states)
    once = parameters.basis_training is None and issubclass(method_kind(cell), ClosedForm)
    with atomic_folder(cell.model) as scratch:
        drawn = seeds[:1] if once else seeds
        trained = [_train(cell, parameters, cohorts, seed, seed_folder(scratch, seed)) for seed in drawn]
        for seed in seeds[len(drawn) :]:
            shutil.copytree(seed_folder(scratch, drawn[0]), seed_folder(scratch, seed))
            trained.append(_of_seed(trained[0], seed))
        write_history(scratch / "history.csv", [row for result in trained for row in result.history])
        write_json(scratch / "training.json", _summary(trained, parameters, states, scratch))


def _train(cell: Cell, parameters: MethodParameters, cohorts: dict[str, Cohort], seed: int, folder: Path) -> Trained:
    model = new_model(cell, parameters, cohorts["seen"], seed)
    if parameters.basis_training is not None:
        model.start_from(load_model(seed_folder(cell.bases, seed)))
    name = f"train-encoder {cell} seed {seed}"
    result = train(model, cohorts["seen"], cohorts["validation"], parameters.training, seed, name)
    save_model(model, folder)
    save_seen_users(model, cohorts["seen"], folder)
    return result


def _of_seed(trained: Trained, seed: int) -> Trained:
    """The same training under another seed."""
    return replace(trained, seed=seed, history=[{**row, "seed": seed} for row in trained.history])


def save_seen_users(model: RewardModel, seen: Cohort, folder: Path) -> None:
    """Cache the states of seen users, inferred from all their training pairs."""
    import torch

    with torch.no_grad():
        save_users(folder, seen.user_ids, model.adapt(seen.known()))


def _summary(trained: list[Trained], parameters: MethodParameters, states: States, folder: Path) -> dict[str, object]:
    return {
        "seeds": {
            str(result.seed): {
                "best_step": result.best_step,
                "validation_accuracy": result.validation_accuracy,
                "trainable_parameters": result.trainable_parameters,
            }
            for result in trained
        },
        "parameters": as_dict(parameters),
        "backbone": states.identity,
        "run": _content_hash(folder, trained),
    }


def _content_hash(folder: Path, trained: list[Trained]) -> str:
    """What identifies this training wherever its figures are shown: a hash of the weights of all seeds."""
    digest = hashlib.sha256()
    for result in trained:
        digest.update((seed_folder(folder, result.seed) / WEIGHTS).read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    run(train_encoder)
