"""The one training loop: AdamW, cosine schedule, validation on held-out pairs and held-out users, best kept."""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from prefactor.atomic import atomic_file
from prefactor.cohorts import Cohort
from prefactor.episodes import EpisodeParameters, episodes
from prefactor.errors import InputError
from prefactor.evaluation.accuracy import predict
from prefactor.methods.base import ClosedForm, RewardModel
from prefactor.methods.calibration import KNOTS
from prefactor.preferences import PairBatch
from prefactor.progress import progress
from prefactor.seeds import generator


@dataclass(frozen=True)
class TrainingParameters:
    """How a model is trained.

    epochs              passes over the seen users
    learning_rate       peak of the cosine schedule
    warmup              share of the steps over which the learning rate rises linearly
    weight_decay        AdamW's
    gradient_norm       gradients are clipped to this norm
    validations         number of validations, evenly spaced; the best of them is kept
    validation_users    seen users whose held-out pairs are scored at a validation; held-out users are all scored
    """

    epochs: int = 5
    learning_rate: float = 1e-3
    warmup: float = 0.05
    weight_decay: float = 0.01
    gradient_norm: float = 1.0
    validations: int = 10
    validation_users: int = 500
    episodes: EpisodeParameters = field(default_factory=EpisodeParameters)

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.validations < 1:
            raise ValueError(f"epochs and validations must be at least 1, got {self.epochs} and {self.validations}")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")


SHOTS = (1, 3, 9, 20)  # by which held-out users are known to choose a step; and all that is known

Row = dict[str, float]  # of a history: seed, step, mean loss in nats since the last row, and SCORES or NaN
SCORES = tuple(f"validation_{who}_{figure}" for who in ("seen", "users") for figure in ("accuracy", "log_loss"))


@dataclass(frozen=True)
class Trained:
    """One seed's training: a history row per epoch and per validation; the step kept.

    ``validation_log_loss`` (nats) is that of the model as it is left, calibrated, over the same pairs as the accuracy.
    """

    seed: int
    history: list[Row]
    best_step: int
    validation_accuracy: float
    validation_log_loss: float
    trainable_parameters: int


@dataclass(frozen=True)
class Plan:
    """The optimiser steps of a training, its ``batches`` of users, and the steps after which something is due.

    ``ends`` are those of epochs; after ``checks`` it is validated.
    """

    batches: int
    steps: int
    ends: frozenset[int]
    checks: frozenset[int]
    warmup: float

    @classmethod
    def of(cls, users: int, parameters: TrainingParameters, accumulation: int = 1) -> "Plan":
        """For as many seen users; ``accumulation`` batches of users make a step, the last one of what is left."""
        batches = math.ceil(users / parameters.episodes.users_per_step)  # of an epoch
        ends = [math.ceil(epoch * batches / accumulation) for epoch in range(1, parameters.epochs + 1)]
        checks = frozenset(_validation_steps(ends[-1], parameters.validations))
        return cls(parameters.epochs * batches, ends[-1], frozenset(ends), checks, parameters.warmup)

    def is_told(self, step: int) -> bool:
        """Whether the history has a row for what led to this step."""
        return step in self.checks or step in self.ends

    def rate(self, step: int) -> float:
        """The learning rate after ``step`` steps, as a share of its peak."""
        return _cosine(step, self.steps, self.warmup)


def train(
    model: RewardModel,
    seen: Cohort,
    held_out: Cohort,
    parameters: TrainingParameters,
    seed: int,
    stage: str,
    told: Callable[[Row], None] | None = None,
) -> Trained:
    """Train ``model`` in place and leave it at its best validation.

    ``told`` gets every row of the history as soon as it is there, of a closed form none; what it raises ends the
    training.

    Selection is by the mean of two accuracies: on validation pairs of seen users, and of held-out users who are known
    by few pairs up to all of theirs (SHOTS): by all of them alone a model would be kept that has not yet learnt what
    few can tell. Where a split leaves seen users no validation pairs, as published ones do, held-out users alone
    choose. Evaluation pairs are never looked at.
    """
    known = seen.known()
    if isinstance(model, ClosedForm):
        return _fit(model, seen, held_out, parameters, seed)
    model.eval().prepare(known, generator(seed, model.stream(), "start"))
    optimiser = torch.optim.AdamW(
        model.learnable(parameters.learning_rate), weight_decay=parameters.weight_decay, fused=True
    )
    plan = Plan.of(len(seen), parameters)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, plan.rate)
    batches = episodes(known, parameters.episodes, generator(seed, model.stream(), "episodes"))
    noise = generator(seed, model.stream(), "noise")
    losses: list[float] = []  # since the last row of the history
    history: list[Row] = []
    best: tuple[Row, dict[str, Tensor]] | None = None
    with progress(stage, plan.steps, "steps") as shown:
        for step in range(1, plan.steps + 1):
            losses.append(_step(model, next(batches), optimiser, parameters.gradient_norm, noise))
            schedule.step()
            shown.advance(note=f"loss {losses[-1]:.3f}")
            if not plan.is_told(step):
                continue
            row = history_row(seed, step, losses)
            losses.clear()
            history.append(row)
            if step in plan.checks:
                row |= validate(model, seen.first(parameters.validation_users), held_out)
                if best is None or accuracy_of(row) > accuracy_of(best[0]):
                    best = row, copy.deepcopy(model.state_dict())
            if told is not None:
                told(row)
    assert best is not None  # the last step is always a check
    model.load_state_dict(best[1])
    return finished(model, seen, held_out, parameters, seed, history, best[0])


def finished(
    model: RewardModel,
    seen: Cohort,
    held_out: Cohort,
    parameters: TrainingParameters,
    seed: int,
    history: list[Row],
    best: Row,
) -> Trained:
    """Complete a ``model`` that is as it was at its ``best`` validation, and sum its training up."""
    _complete(model.eval(), seen.known(), held_out)
    left = validate(model, seen.first(parameters.validation_users), held_out)
    return Trained(seed, history, int(best["step"]), accuracy_of(best), _log_loss(left), trainable(model))


def _fit(model: ClosedForm, seen: Cohort, held_out: Cohort, parameters: TrainingParameters, seed: int) -> Trained:
    """One fit and one validation instead of steps."""
    known = seen.known()
    model.eval()  # before the fit: a first step's dropout must not be in it
    with torch.no_grad():
        model.fit(known)
    _complete(model, known, held_out)
    row = history_row(seed, 0, []) | validate(model, seen.first(parameters.validation_users), held_out)
    return Trained(seed, [row], 0, accuracy_of(row), _log_loss(row), trainable(model))


def _complete(model: RewardModel, known: PairBatch, held_out: Cohort) -> None:
    """The constants of probabilities by held-out users, and what a method keeps of the population."""
    model.calibrate([held_out.known(size) for size in _shots(held_out, KNOTS)], held_out.to_predict("validation"))
    model.finish(known)  # last: calibrating may choose how users' weights are made


def _shots(held_out: Cohort, sizes: tuple[int, ...] = SHOTS) -> list[int]:
    most = int(held_out.known().pairs_per_user().max())
    return sorted({min(size, most) for size in sizes} | {most})


def history_row(seed: int, step: int, losses: list[float]) -> Row:
    """A row with the mean of the losses (nats) since the last one; its scores are still to come."""
    loss = sum(losses) / len(losses) if losses else math.nan
    return {"seed": seed, "step": step, "loss": loss, **dict.fromkeys(SCORES, math.nan)}


def validate(model: RewardModel, seen: Cohort, held_out: Cohort) -> dict[str, float]:
    """Accuracy and log loss (nats) on validation pairs, averaged per user, then over the users who have any.

    Those of held-out users are means over what is known of them (SHOTS); those of seen users NaN if none has any.
    """
    model.eval()
    figures = {
        "seen": [predict(model, seen, "validation")],
        "users": [predict(model, held_out, "validation", size) for size in _shots(held_out)],
    }
    scores: dict[str, float] = {}
    for name, cohort in (("seen", seen), ("users", held_out)):
        if not (has_pairs := figures[name][0].pairs > 0).any():
            if cohort is held_out:
                raise InputError(
                    "no validation user has a pair to choose a model by: raise the shares of validation users and of "
                    "evaluation pairs under split, and rerun stage split"
                )
            scores |= {f"validation_{name}_{figure}": math.nan for figure in ("accuracy", "log_loss")}
            continue
        for figure in ("accuracy", "log_loss"):
            values = [float(getattr(found, figure)[has_pairs].mean()) for found in figures[name]]
            scores[f"validation_{name}_{figure}"] = sum(values) / len(values)
    return scores


def trainable(model: RewardModel) -> int:
    """Number of parameters that training may change."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def write_history(path: Path, history: list[Row]) -> None:
    """Write training histories as CSV; a score is empty where the model was not validated."""
    columns = list(history[0])
    cells = [["" if math.isnan(row[name]) else f"{row[name]:.6g}" for name in columns] for row in history]
    lines = [",".join(columns), *map(",".join, cells)]
    with atomic_file(path) as scratch:
        scratch.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _step(
    model: RewardModel,
    batch: PairBatch,
    optimiser: torch.optim.Optimizer,
    gradient_norm: float,
    noise: torch.Generator,
) -> float:
    model.train()
    optimiser.zero_grad(set_to_none=True)
    loss = model.loss(batch, noise)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), gradient_norm)
    optimiser.step()
    return float(loss.detach())


def _cosine(step: int, steps: int, warmup: float) -> float:
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def _validation_steps(steps: int, validations: int) -> set[int]:
    return {round(steps * (number + 1) / validations) for number in range(validations)} - {0} | {steps}


def accuracy_of(row: Mapping[str, float]) -> float:
    """What steps are chosen by: the mean of the two accuracies of a validated row, or the one there is."""
    return _mean_of_known(row["validation_seen_accuracy"], row["validation_users_accuracy"])


def _log_loss(row: Mapping[str, float]) -> float:
    return _mean_of_known(row["validation_seen_log_loss"], row["validation_users_log_loss"])


def _mean_of_known(*values: float) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
