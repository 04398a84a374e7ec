"""A tiny language model, some texts, and people who compare them: all that a tuned training needs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import torch

from prefactor.backbones import BackboneParameters, load_backbone
from prefactor.backbones.passes import LAST
from prefactor.cohorts import Cohort
from prefactor.episodes import EpisodeParameters
from prefactor.methods import METHODS
from prefactor.methods.base import RewardModel, Shape
from prefactor.parameters import as_dict, build
from prefactor.preferences import Responses
from prefactor.training import Row, TrainingParameters
from prefactor.tuning.checkpoint import Checkpoints, Course, about
from prefactor.tuning.live_backbone import LiveBackbone
from prefactor.tuning.parameters import BackboneTuning
from prefactor.tuning.processes import Processes
from prefactor.tuning.texts import Texts
from prefactor.tuning.tuning import TunedTraining
from prefactor.tuning.weights import load_trainable
from tests.worlds import make_cohort

TEXTS = 60  # as many as the worlds' responses
USERS = {"seen": 8, "validation": 4, "unseen": 4}
# Every method through which a gradient reaches a backbone.
SMALL: dict[str, dict[str, Any]] = {
    "bt": {"basis": {"form": "mlp", "bases": 1}},
    "lore": {"basis": {"form": "linear", "bases": 3}, "adaptation": {"steps": 5}},
    "pal": {"projection": {"form": "mlp", "bases": 4}, "prototypes": 3, "adaptation": {"steps": 5}},
    "pref": {"basis": {"form": "linear", "bases": 3}, "common": True},
    "vpl": {"latent": 4, "encoder_width": 6, "reward_width": 5, "dropout": 0.1},
    "vrf": {"basis": {"form": "mlp", "bases": 4}, "latent": 4},
    "vrf/loadings": {
        "basis": {"form": "linear", "bases": 3},
        "loadings": {"bases": 3},
        "common": True,
        "common_network": {"form": "mlp"},
        "latent": 4,
        "unit_prior": True,
    },
}
TRAINING = TrainingParameters(
    epochs=2, learning_rate=0.01, validations=2, episodes=EpisodeParameters(users_per_step=4, reference=3)
)


@dataclass(frozen=True)
class Small:
    """A backbone's folder, the texts, and cohorts with its states as the view ``states``."""

    folder: Path
    texts: Texts
    cohorts: dict[str, Cohort]
    layers: tuple[int, ...] = LAST
    compute_dtype: Literal["float32", "bfloat16"] = "float32"

    @property
    def parameters(self) -> BackboneParameters:
        return BackboneParameters(
            model=str(self.folder),
            device="cpu",
            states_dtype="float32",
            layers=self.layers,
            compute_dtype=self.compute_dtype,
        )


def make_small(folder: Path) -> Small:
    """Prompts of two dozen tokens, with six responses to each."""
    words = ["bread", "the bicycle", "a user", "an assistant", "speaking", "of the bread"]
    prompts = [f"Tell me, dear assistant number {number // 6}, all there is to know." for number in range(TEXTS)]
    responses = [f"{words[number % 6]} and {words[(number // 6) % 5]} {number}" for number in range(TEXTS)]
    texts = Texts(pa.array(prompts), pa.array(responses))
    backbone = load_backbone(BackboneParameters(model=str(folder), device="cpu", log_probabilities=False))
    states = torch.from_numpy(backbone.encode(prompts, responses).states)
    cohorts = {role: make_cohort(role, users, seed) for seed, (role, users) in enumerate(USERS.items())}
    return Small(folder, texts, {role: _with_states(cohort, states) for role, cohort in cohorts.items()})


def _with_states(cohort: Cohort, states: torch.Tensor) -> Cohort:
    responses = Responses({"states": states}, torch.arange(len(states)))
    return replace(cohort, pairs=replace(cohort.pairs, responses=responses))


def new_model(small: Small, name: str, tuned: bool = True, **changes: Any) -> RewardModel:
    """A fresh method; one with two steps has taken over a random first one."""
    kind = METHODS[name.partition("/")[0]]
    settings = build(kind.Parameters, {**SMALL[name], **changes}, "test")
    seen = small.cohorts["seen"]
    shape = Shape(seen.pairs.responses.views["states"].shape[1], len(seen), TEXTS, tuned)
    model = kind(settings, shape, torch.Generator().manual_seed(0))  # type: ignore[call-arg]
    model.standardise(seen.pairs.responses)
    if name == "vrf/loadings":
        first = model.first_step(torch.Generator().manual_seed(1))
        assert first is not None
        first.standardise(seen.pairs.responses)
        model.start_from(first)
    return model


def make_live(small: Small, tuning: BackboneTuning, seed: int = 0) -> LiveBackbone:
    processes = Processes(cpu=True)
    return LiveBackbone(load_trainable(small.parameters, tuning, seed), small.texts, tuning, 0.0, processes)


def tuned(
    small: Small,
    name: str,
    tuning: BackboneTuning,
    work: Path,
    training: TrainingParameters = TRAINING,
    report: Callable[[int, Row], None] | None = None,
) -> tuple[RewardModel, LiveBackbone, Course]:
    """A whole tuned training."""
    model, live = new_model(small, name), make_live(small, tuning)
    seen, held_out = small.cohorts["seen"], small.cohorts["validation"]
    identity = live.backbone.identity()
    what = about({"name": name, "tuning": as_dict(tuning)}, identity, model, [seen, held_out], 0, live.processes.count)
    checkpoints = Checkpoints(work, what)
    training_of = TunedTraining(model, live, seen, held_out, training, tuning, 0, checkpoints, report)
    return model, live, training_of.run("test")


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def copied(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers)
