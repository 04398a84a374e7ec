"""What the training stages and the search share: a cell's parameters, its cohorts, a fresh model, its choices."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from prefactor import layout
from prefactor.backbones import NoLikelihoodError, States, open_states
from prefactor.choices import CHOICES, best, choices_of
from prefactor.cohorts import Cohort, StateView, load_cohorts
from prefactor.errors import InputError
from prefactor.layout import Cell, seed_folder
from prefactor.methods import METHODS
from prefactor.methods.base import TUNED, RewardModel, Shape
from prefactor.methods.storage import load_model
from prefactor.parameters import build, load_parameters, merged, nearest, section
from prefactor.seeds import generator
from prefactor.surface import open_surface
from prefactor.training import Row, Trained, TrainingParameters, train
from prefactor.tuning import BackboneTuning


@dataclass(frozen=True)
class MethodParameters:
    """A method's section: its model, and how each of its steps is trained; no first step when it is null.

    With ``tuning`` the (second) step trains the backbone under the reward too; null keeps it frozen.
    ``model`` may have ``choices``, a list of changes to the rest of it. A model is trained with each, and for every
    seed the one is kept that predicts held-out data best.
    """

    model: dict[str, Any] = field(default_factory=dict)
    basis_training: TrainingParameters | None = None
    training: TrainingParameters = field(default_factory=TrainingParameters)
    tuning: BackboneTuning | None = None

    def __post_init__(self) -> None:
        choices_of(self.model)  # raises for what is no list of changes

    @property
    def tunes(self) -> bool:
        """Whether the backbone moves."""
        return self.tuning is not None and self.tuning.mode != "frozen"

    def choices(self) -> list["MethodParameters"]:
        """The parameters with each of the changes; as they are where there are none."""
        model, choices = choices_of(self.model)
        return [replace(self, model=merged(model, change)) for change in choices or [{}]]


@dataclass(frozen=True)
class RunParameters:
    """What is trained: names of datasets, backbones, methods and variants; training seeds; CPU threads."""

    datasets: tuple[str, ...]
    backbones: tuple[str, ...]
    methods: tuple[str, ...]
    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    threads: int = 2

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be at least one, each once, got {list(self.seeds)}")


@dataclass(frozen=True)
class SliceParameters:
    """By which attributes of users accuracy is shown (``evaluation.slices``); by none, unless it is asked for.

    attributes  names of columns of the prepared users, for every dataset of the run; or, where datasets differ, by
                dataset
    smallest    users of a group, at least 5: of fewer, a figure is nearly somebody's own
    """

    attributes: tuple[str, ...] | Mapping[str, tuple[str, ...]] = ()
    smallest: int = 20

    def __post_init__(self) -> None:
        if self.smallest < 5:
            raise ValueError(f"smallest must be at least 5, so that no figure is one person's, got {self.smallest}")

    def of(self, dataset: str) -> tuple[str, ...]:
        """The attributes of one dataset's users, each once."""
        named = self.attributes.get(dataset, ()) if isinstance(self.attributes, Mapping) else self.attributes
        return tuple(dict.fromkeys(named))

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that are named."""
        return tuple(self.attributes) if isinstance(self.attributes, Mapping) else ()


@dataclass(frozen=True)
class EvaluationParameters:
    """What is asked of a trained method.

    shots         sizes |C| of the unseen users' few-shot curve
    draws         how often the few pairs of unseen users are drawn anew, at each of ``draw_shots``; 0 for not at all:
                  it takes as many adaptations of all users and seeds
    draw_shots    sizes |C| of the draws
    draw_seeds    how many training seeds, the first ones, are drawn for; None for all
    draw_methods  the methods that are drawn for; empty for all
    doubts        those of ``shots`` at which users' uncertainties are asked for, beside all reference pairs; none if
                  it is empty. BT and methods with some of their own have all candidates, others one that is free
    recovery      those of ``shots`` at which rewards are held against true utilities, beside all known pairs
    slices        attributes of users by which accuracy is shown; none by default
    """

    shots: tuple[int, ...] = (1, 3, 5, 7, 9, 20, 45)
    draws: int = 0
    draw_shots: tuple[int, ...] = (1, 3, 9)
    draw_seeds: int | None = None
    draw_methods: tuple[str, ...] = ()
    doubts: tuple[int, ...] = (1, 9, 45)
    recovery: tuple[int, ...] = (1, 9, 45)
    slices: SliceParameters = field(default_factory=SliceParameters)

    def __post_init__(self) -> None:
        if self.draws < 0 or self.draws == 1:
            raise ValueError(f"draws must be 0 for none, or at least 2 for a spread, got {self.draws}")
        if self.draw_seeds is not None and self.draw_seeds < 1:
            raise ValueError(f"draw_seeds must be at least 1, or null for all, got {self.draw_seeds}")
        for method in self.draw_methods:
            if method not in METHODS:
                raise ValueError(f"draw_methods: unknown method {method!r}{nearest(method, METHODS, 'methods')}")
        for name in ("doubts", "recovery"):
            others = sorted(set(getattr(self, name)) - set(self.shots))
            if others:
                raise ValueError(f"{name} are some of shots {list(self.shots)}, got {others}: add them to shots")

    def draws_of(self, method: str) -> int:
        """How often the few pairs are drawn for a method."""
        return self.draws if method in self.draw_methods or not self.draw_methods else 0


def method_parameters(cell: Cell) -> MethodParameters:
    """A cell's section of params.yaml. Raises InputError, before anything is trained, for a choice that is no model."""
    parameters = build(MethodParameters, section(load_parameters(), cell.parameters), cell.parameters)
    model, choices = choices_of(parameters.model)
    where = f"{cell.parameters}.model"
    build(method_kind(cell).Parameters, model, where)
    for number, change in enumerate(choices):
        build(method_kind(cell).Parameters, merged(model, change), f"{where}.{CHOICES}.{number}")
    return parameters


def run_parameters() -> RunParameters:
    """Section ``run``; sets the number of threads, on which the last digits of every sum depend."""
    parameters = build(RunParameters, section(load_parameters(), "run"), "run")
    torch.set_num_threads(parameters.threads)
    return parameters


def cell_states(cell: Cell, expected: Mapping[str, Any] | None = None) -> States:
    """The cell's cache of hidden states; ``expected`` is the identity of the backbone that a model was trained on."""
    return open_states(layout.states(cell.dataset, cell.backbone), expected)


def cell_cohorts(cell: Cell, states: States, models: Iterable[RewardModel] = ()) -> dict[str, Cohort]:
    """The cell's users with the one view that its method reads, and those of the fine-tuned backbones of ``models``."""
    return load_cohorts(layout.split(cell.dataset), cell_views(cell, states, models))


def seed_model(cell: Cell, seed: int) -> RewardModel:
    """The model of one seed; one with a fine-tuned backbone reads a view that has the seed in its name."""
    model = load_model(seed_folder(cell.model, seed))
    if model.shape.tuned:
        model.tuned_view = f"{TUNED}-{seed}"
    return model


def cell_views(cell: Cell, states: States, models: Iterable[RewardModel] = ()) -> dict[str, StateView]:
    """The one view that the cell's method reads, by name; no other is loaded, and none if it reads no view.

    Beside it stand the caches of the fine-tuned backbones of ``models``, as ``seed_model`` names them.
    """
    tuned = [model.tuned_view for model in models if model.shape.tuned]
    views: dict[str, Callable[[], StateView]] = {
        "states": lambda: states,
        "surface": lambda: open_surface(layout.surface(cell.dataset)),
        "likelihood": lambda: _Likelihood(cell, states),
    }
    needed = method_kind(cell).view
    found = {needed: views[needed]()} if needed else {}
    return {**found, **{view: open_states(layout.tuned_states(_seed_of(cell, view))) for view in tuned}}


def _seed_of(cell: Cell, view: str) -> Path:
    return seed_folder(cell.model, view.removeprefix(f"{TUNED}-"))


@dataclass(frozen=True)
class _Likelihood:
    """The responses' log-probabilities in nats and numbers of tokens (N, 2) by text id, from a cell's cache."""

    cell: Cell
    states: States

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        try:
            return self.states.likelihood(text_ids)
        except NoLikelihoodError as error:
            causal = f"make backbones.{self.cell.backbone} a causal language model that has them"
            raise InputError(
                f"{self.cell}: {error}: take {self.cell.method!r} out of run.methods, or {causal}"
            ) from error


def method_kind(cell: Cell) -> type[RewardModel]:
    """The cell's method. Raises InputError if there is none of that name."""
    if cell.method not in METHODS:
        raise InputError(f"run.methods: unknown method {cell.method!r}{nearest(cell.method, METHODS, 'methods')}")
    return METHODS[cell.method]


def new_model(cell: Cell, parameters: MethodParameters, seen: Cohort, seed: int, tuned: bool = False) -> RewardModel:
    """A model with fresh parameters for one seed, scaled to the training responses; ``tuned`` as in its shape."""
    kind = method_kind(cell)
    settings = build(kind.Parameters, parameters.model, f"{cell.parameters}.model")
    known = seen.known().compact()
    shape = Shape(
        width=known.responses.views[kind.view].shape[1] if kind.view else 0,
        seen_users=len(seen),
        texts=len(seen.pairs.responses),
        tuned=tuned,
    )
    model = kind(settings, shape, generator(seed, kind.stream(), "initial"))  # type: ignore[call-arg]
    model.standardise(known.responses)
    return model


Fitted = tuple[RewardModel, Trained]


def best_choice(
    parameters: MethodParameters, fit: Callable[[int, MethodParameters], Fitted]
) -> tuple[RewardModel, Trained, list[float]]:
    """``fit`` each of the choices, which it is given with their numbers: the best, and the log loss of each in nats.

    The best has the least log loss, once calibrated, over the pairs that choose a step: accuracy would need more
    held-out prompts than there are to tell two forms of a model apart. The users that it was calibrated on are among
    them, which favours no choice: all have as many constants.
    """
    fitted = [fit(number, choice) for number, choice in enumerate(parameters.choices())]
    log_losses = [trained.validation_log_loss for _, trained in fitted]
    return *fitted[best(log_losses)], log_losses


def stage_name(stage: str, cell: Cell, seed: int, number: int) -> str:
    """How a training is called while it runs; ``number`` is that of the model's choice."""
    return f"{stage} {cell} seed {seed}" + (f" choice {number}" if number else "")


def trained_basis(
    cell: Cell,
    parameters: MethodParameters,
    model: RewardModel,
    cohorts: Mapping[str, Cohort],
    seed: int,
    number: int = 0,
    told: Callable[[Row], None] | None = None,
) -> Fitted:
    """The first of two steps of a fresh ``model``'s training; InputError if its method has one step only."""
    basis = model.first_step(generator(seed, model.stream(), "basis"))
    if basis is None or parameters.basis_training is None:
        raise InputError(f"{cell.parameters}.basis_training: {cell.method} has one step only; set it to null")
    basis.standardise(cohorts["seen"].known().compact().responses)
    name = stage_name("train-basis", cell, seed, number)
    return basis, train(basis, cohorts["seen"], cohorts["validation"], parameters.basis_training, seed, name, told)
