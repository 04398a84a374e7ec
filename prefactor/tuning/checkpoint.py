"""Checkpoints: all that a training's next steps depend on, as safetensors and JSON, whole or not at all.

``checkpoint/`` is replaced as a whole; ``best-<step>/``, the weights of the best validation so far, is written before
the checkpoint that refers to it, and removed after the first one that does not.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from prefactor.atomic import atomic_folder, write_json
from prefactor.cohorts import Cohort
from prefactor.errors import InputError
from prefactor.methods.base import RewardModel
from prefactor.training import Row
from prefactor.tuning.live_backbone import LiveBackbone

METHOD, BACKBONE, NOISE = "method.safetensors", "backbone.safetensors", "noise.safetensors"
METHOD_OPTIMISER, BACKBONE_OPTIMISER = "method-optimiser.safetensors", "backbone-optimiser.safetensors"
COURSE = "course.json"
AT_WILL = ("tokens_per_chunk", "gradient_checkpointing", "checkpoint_every")
logger = logging.getLogger(__name__)


@dataclass
class Course:
    """How far a training is: optimiser steps taken, losses (nats) since the last row of its history, its best row.

    ``seconds`` are those that its steps and validations took, in every run that led here.
    """

    step: int = 0
    losses: list[float] = field(default_factory=list)
    history: list[Row] = field(default_factory=list)
    best: Row | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Parts:
    """What moves in a training."""

    model: RewardModel
    optimiser: torch.optim.Optimizer
    live: LiveBackbone
    noise: torch.Generator


def about(
    parameters: Mapping[str, Any],
    identity: Mapping[str, Any],
    model: RewardModel,
    cohorts: Sequence[Cohort],
    seed: int,
    processes: int,
) -> dict[str, Any]:
    """What makes a training this one: its parameters, backbone, pairs, seed, processes and the method's start.

    Not the parameters that cost memory or time alone (AT_WILL): a training goes on with others.
    """
    tuning = parameters.get("tuning") or {}
    digest = hashlib.sha256()
    pairs = [side for cohort in cohorts for side in (cohort.pairs.chosen, cohort.pairs.rejected, cohort.pairs.segment)]
    for tensor in [*pairs, *(cohort.part for cohort in cohorts), *model.state_dict().values()]:
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return {
        "parameters": {**parameters, "tuning": {name: it for name, it in tuning.items() if name not in AT_WILL}},
        "backbone": dict(identity),
        "method": model.name,
        "seed": seed,
        "processes": processes,
        "start": digest.hexdigest(),
    }


class Checkpoints:
    """A training's checkpoints in a work folder of its own; ``about`` decides whether those found there are its own."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self.folder = folder
        self._about = json.loads(json.dumps(about))  # as it is read back

    @property
    def key(self) -> str:
        """16 hex digits of what makes the training this one."""
        return hashlib.sha256(json.dumps(self._about, sort_keys=True).encode()).hexdigest()[:16]

    def save(self, parts: Parts, course: Course) -> None:
        """Write the present state. Called by all processes; the first one writes."""
        backbone, optimiser = backbone_tensors(parts.live), _backbone_optimiser(parts.live)
        noise = parts.live.processes.stacked(parts.noise.get_state())
        if parts.live.processes.is_first:
            with atomic_folder(self.folder / "checkpoint") as scratch:
                save_file(_contiguous(parts.model.state_dict()), scratch / METHOD)
                save_file(backbone, scratch / BACKBONE)
                save_file(_flat(parts.optimiser.state_dict()["state"]), scratch / METHOD_OPTIMISER)
                save_file(optimiser, scratch / BACKBONE_OPTIMISER)
                save_file({"states": noise}, scratch / NOISE)
                write_json(scratch / COURSE, {"about": self._about, **_written(course)})
            self._prune(course)
        parts.live.processes.wait()

    def save_best(self, parts: Parts, step: int) -> None:
        """Write the weights as they are after ``step``."""
        backbone = backbone_tensors(parts.live)
        if parts.live.processes.is_first:
            with atomic_folder(self.folder / f"best-{step}") as scratch:
                save_file(_contiguous(parts.model.state_dict()), scratch / METHOD)
                save_file(backbone, scratch / BACKBONE)

    def load(self, parts: Parts) -> Course:
        """Take up the last checkpoint; a fresh course where there is none of this very training."""
        folder = self.folder / "checkpoint"
        course = self._course(folder)
        if course is None:
            return Course()
        try:
            parts.model.load_state_dict(load_file(folder / METHOD))
            set_backbone_tensors(parts.live, load_file(folder / BACKBONE))
            state = {"state": _nested(load_file(folder / METHOD_OPTIMISER), int)}
            parts.optimiser.load_state_dict({**parts.optimiser.state_dict(), **state})
            _set_backbone_optimiser(parts.live, _nested(load_file(folder / BACKBONE_OPTIMISER), str))
            parts.noise.set_state(load_file(folder / NOISE)["states"][parts.live.processes.rank].clone())
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise InputError(f"checkpoint {folder} is damaged ({error}): remove it to train from the start") from error
        return course

    def load_best(self, parts: Parts, step: int) -> None:
        """Take up the weights of the best validation."""
        parts.model.load_state_dict(load_file(self.folder / f"best-{step}" / METHOD))
        set_backbone_tensors(parts.live, load_file(self.folder / f"best-{step}" / BACKBONE))

    def _course(self, folder: Path) -> Course | None:
        try:
            found = json.loads((folder / COURSE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if found.pop("about") != self._about:
            logger.warning("%s: checkpoint of another training, of other data or parameters: starting anew", folder)
            return None
        rows = [_row(row) for row in found["history"]]
        best = None if found["best"] is None else _row(found["best"])
        return Course(found["step"], found["losses"], rows, best, found["seconds"])

    def _prune(self, course: Course) -> None:
        kept = None if course.best is None else f"best-{int(course.best['step'])}"
        for path in self.folder.glob("best-*"):
            if path.name != kept:
                shutil.rmtree(path)


def backbone_tensors(live: LiveBackbone) -> dict[str, Tensor]:
    """The backbone's weights that move, whole and in main memory, by name; called by all processes."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True)
    found: dict[str, Any] = get_model_state_dict(live.model, options=options)
    buffers = {name for name, _ in live.plain.named_buffers()}
    return _contiguous({name: tensor for name, tensor in found.items() if name not in buffers})


def set_backbone_tensors(live: LiveBackbone, tensors: dict[str, Tensor]) -> None:
    """The reverse."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

    set_model_state_dict(live.model, {**tensors}, options=StateDictOptions(full_state_dict=True, strict=False))


def _backbone_optimiser(live: LiveBackbone) -> dict[str, Tensor]:
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_optimizer_state_dict

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    found = get_optimizer_state_dict(live.model, _inner(live), options=options)
    return _flat(found.get("state", {}))  # type: ignore[arg-type]  # of the first process alone


def _set_backbone_optimiser(live: LiveBackbone, state: dict[str, Any]) -> None:
    from torch.distributed.checkpoint.state_dict import (
        StateDictOptions,
        get_optimizer_state_dict,
        set_optimizer_state_dict,
    )

    options = StateDictOptions(full_state_dict=True)
    fresh = get_optimizer_state_dict(live.model, _inner(live), options=options)
    set_optimizer_state_dict(live.model, _inner(live), {**fresh, "state": state}, options=options)


def _inner(live: LiveBackbone) -> torch.optim.Optimizer:
    """The optimiser itself, without accelerate's shell."""
    return getattr(live.optimiser, "optimizer", live.optimiser)


def _flat(state: dict[Any, dict[str, Tensor]]) -> dict[str, Tensor]:
    """An optimiser's state as named tensors."""
    return _contiguous({f"{key}/{name}": tensor for key, of in state.items() for name, tensor in of.items()})


def _nested(tensors: dict[str, Tensor], key: type) -> dict[Any, dict[str, Tensor]]:
    found: dict[Any, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parameter, _, kind = name.rpartition("/")
        found.setdefault(key(parameter), {})[kind] = tensor
    return found


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _written(course: Course) -> dict[str, Any]:
    """JSON has no NaN: a score that is none is null."""
    return {
        "step": course.step,
        "losses": course.losses,
        "history": [_blank(row) for row in course.history],
        "best": None if course.best is None else _blank(course.best),
        "seconds": course.seconds,
    }


def _blank(row: Row) -> dict[str, float | None]:
    return {name: None if value != value else value for name, value in row.items()}


def _row(values: dict[str, float | None]) -> Row:
    return {name: float("nan") if value is None else value for name, value in values.items()}
