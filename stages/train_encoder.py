"""Stage train-encoder: a method's second training step, or its only one."""

import hashlib
import math
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from prefactor import layout
from prefactor.atomic import atomic_folder, write_json
from prefactor.backbones import States
from prefactor.choices import best
from prefactor.cohorts import Cohort
from prefactor.layout import Cell, choice_folder, seed_folder
from prefactor.methods.base import ClosedForm, RewardModel
from prefactor.methods.storage import WEIGHTS, load_model, save_model, save_users
from prefactor.parameters import as_dict
from prefactor.training import Trained, train, write_history
from stages.running import run
from stages.trainings import (
    Fitted,
    MethodParameters,
    best_choice,
    cell_cohorts,
    cell_states,
    method_kind,
    method_parameters,
    new_model,
    run_parameters,
    stage_name,
)
from stages.tuned import Cost, TunedCell, is_first_process, launched


def train_encoder(dataset: str, backbone: str, method: str, variant: str) -> None:
    """Train every seed, with each of its choices; keep the best models, the seen users' cached states, the histories.

    A closed form draws nothing: where no first step makes seeds differ, the first one's fit is that of all. With
    ``tuning`` the backbone is trained too, maybe by several processes, of which the first one writes.
    """
    cell = Cell(dataset, backbone, method, variant)
    parameters = method_parameters(cell)
    if parameters.tunes and launched(parameters):
        return
    states, seeds = cell_states(cell), run_parameters().seeds
    cohorts = cell_cohorts(cell, states)
    if parameters.tunes and not is_first_process():
        return _follow(cell, parameters, states, cohorts, seeds)
    once = parameters.basis_training is None and issubclass(method_kind(cell), ClosedForm)
    with atomic_folder(cell.model) as scratch:
        drawn = seeds[:1] if once else seeds
        train_seed = _tune if parameters.tunes else _train
        kept = [train_seed(cell, parameters, states, cohorts, seed, seed_folder(scratch, seed)) for seed in drawn]
        for seed in seeds[len(drawn) :]:
            shutil.copytree(seed_folder(scratch, drawn[0]), seed_folder(scratch, seed))
            kept.append(kept[0].of_seed(seed))
        write_history(scratch / "history.csv", [row for each in kept for row in each.trained.history])
        write_json(scratch / "training.json", _summary(kept, parameters, states, scratch))
    shutil.rmtree(layout.checkpoints(cell, 0).parents[1], ignore_errors=True)


@dataclass(frozen=True)
class Kept:
    """A seed's training with the best of the model's choices, and the log loss (nats) of each on held-out data.

    The least was kept; in training.json one that is not finite is null. ``cost`` is known where the backbone moved.
    """

    trained: Trained
    log_losses: list[float]
    cost: Cost | None = None

    def of_seed(self, seed: int) -> Self:
        """The same under another seed."""
        history = [{**row, "seed": seed} for row in self.trained.history]
        return replace(self, trained=replace(self.trained, seed=seed, history=history))


def _train(
    cell: Cell, parameters: MethodParameters, states: States, cohorts: dict[str, Cohort], seed: int, folder: Path
) -> Kept:
    seen, held_out = cohorts["seen"], cohorts["validation"]

    def fit(number: int, choice: MethodParameters) -> Fitted:
        model = _started(cell, choice, seen, seed, number)
        name = stage_name("train-encoder", cell, seed, number)
        return model, train(model, seen, held_out, choice.training, seed, name)

    model, trained, log_losses = best_choice(parameters, fit)
    save_model(model, folder)
    save_seen_users(model, seen, folder)
    return Kept(trained, log_losses)


def _tune(
    cell: Cell, parameters: MethodParameters, states: States, cohorts: dict[str, Cohort], seed: int, folder: Path
) -> Kept:
    """As ``_train``, with the backbone; what was tuned lies in the work folder until all seeds are done."""
    tuned, costs = TunedCell(cell, states, cohorts), list[Cost]()

    def fit(number: int, choice: MethodParameters) -> Fitted:
        model = _started(cell, choice, cohorts["seen"], seed, number, tuned=True)
        course = tuned.train(choice, model, seed, number)
        trained, cost = tuned.finish(choice, model, course, seed, layout.checkpoints(cell, seed, number))
        costs.append(cost)
        return model, trained

    model, trained, log_losses = best_choice(parameters, fit)
    work = layout.checkpoints(cell, seed, best(log_losses))
    save_model(model, folder)
    save_seen_users(model, tuned.with_states(work), folder)
    tuned.keep(work, folder)
    return Kept(trained, log_losses, costs[best(log_losses)])


def _follow(
    cell: Cell, parameters: MethodParameters, states: States, cohorts: dict[str, Cohort], seeds: Sequence[int]
) -> None:
    """What the processes beside the first one do: take their part of every step."""
    for seed in seeds:
        for number, choice in enumerate(parameters.choices()):
            model = _started(cell, choice, cohorts["seen"], seed, number, tuned=True)
            TunedCell(cell, states, cohorts).train(choice, model, seed, number)


def _started(
    cell: Cell, choice: MethodParameters, seen: Cohort, seed: int, number: int, tuned: bool = False
) -> RewardModel:
    """A fresh model, from where its first step left off if it has one."""
    model = new_model(cell, choice, seen, seed, tuned)
    if choice.basis_training is not None:
        model.start_from(load_model(choice_folder(seed_folder(cell.bases, seed), number)))
    return model


def save_seen_users(model: RewardModel, seen: Cohort, folder: Path) -> None:
    """Cache the states of seen users, inferred from all their training pairs."""
    import torch

    with torch.no_grad():
        save_users(folder, seen.user_ids, model.adapt(seen.known()))


def _summary(kept: list[Kept], parameters: MethodParameters, states: States, folder: Path) -> dict[str, object]:
    return {
        "seeds": {
            str(each.trained.seed): {
                "best_step": each.trained.best_step,
                "validation_accuracy": each.trained.validation_accuracy,
                "validation_log_losses": [loss if math.isfinite(loss) else None for loss in each.log_losses],
                "trainable_parameters": each.trained.trainable_parameters,
                **({} if each.cost is None else asdict(each.cost)),
            }
            for each in kept
        },
        "parameters": as_dict(parameters),
        "backbone": states.identity,
        "run": _content_hash(folder, [each.trained.seed for each in kept]),
    }


def _content_hash(folder: Path, seeds: Iterable[int]) -> str:
    """What identifies this training wherever its figures are shown: a hash of the weights of all seeds."""
    digest = hashlib.sha256()
    for seed in seeds:
        digest.update((seed_folder(folder, seed) / WEIGHTS).read_bytes())
        for path in sorted(layout.tuned_backbone(seed_folder(folder, seed)).glob("*.safetensors")):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    run(train_encoder)
