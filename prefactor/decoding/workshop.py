"""What writing for users of a dataset takes, opened when it is first needed: models, people, and who writes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from prefactor import layout
from prefactor.attributes import AttributeLibrary
from prefactor.backbones import Backbone, BackboneParameters, LikelihoodView, load_backbone, open_states
from prefactor.cohorts import StateView
from prefactor.decoding.adapters import DpoPolicy, LoraReward
from prefactor.decoding.conditions import contrastive, named
from prefactor.decoding.drift import DriftParameters, DriftScorer, Tastes, ZeroShot
from prefactor.decoding.exact.memory import ANY_PROMPT, Memory
from prefactor.decoding.exact.parameters import ExactParameters
from prefactor.decoding.exact.retrieval import OneForAll
from prefactor.decoding.exact.scorer import ExactScorer
from prefactor.decoding.history import Histories
from prefactor.decoding.likelihoods import Likelihoods
from prefactor.decoding.parameters import (
    ARGS,
    DPO,
    DRIFT,
    EXACT,
    EXACT_GLOBAL,
    HISTORY,
    GenerationParameters,
    reward_of,
)
from prefactor.decoding.people import People
from prefactor.decoding.rewards import PersonalRewards
from prefactor.decoding.speaker import Speaker, load_speaker
from prefactor.decoding.views import LIKELIHOOD, STATES, SURFACE
from prefactor.decoding.writers import (
    ArgsWriter,
    DriftWriter,
    ExactWriter,
    HistoryWriter,
    PlainWriter,
    PolicyWriter,
    Writer,
)
from prefactor.errors import InputError
from prefactor.methods.base import RewardModel
from prefactor.methods.storage import load_model
from prefactor.parameters import build, section
from prefactor.reading import read_object
from prefactor.surface import open_surface
from prefactor.trainings import Training

VARIANT = "default"


class Workshop:
    """A project below ``root``: its parameters, one dataset, and the language model ``model`` that writes.

    ``user`` is the id of the one user that is written for; None for the unseen users that the parameters ask for. For
    one user nothing is changed that stages have made. ``keeps``: log-probabilities that are new are added to those on
    disk; only the stage whose output they are may do so.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        dataset: str,
        model: str,
        root: Path = Path(),
        user: str | None = None,
        keeps: bool = False,
    ) -> None:
        self.values, self.dataset, self.name, self.root, self._user = values, dataset, model, root, user
        self._keeps = keeps
        self.parameters = build(GenerationParameters, section(values, "generation"), "generation")
        self.reward = cache(self._reward)

    @cached_property
    def library(self) -> AttributeLibrary:
        """The attributes that may be asked for."""
        return self.parameters.attributes.read()

    @cached_property
    def speaker(self) -> Speaker:
        """The language model that writes."""
        return self._speaker(self.name)

    @cached_property
    def small(self) -> Speaker:
        """The one that steers in Drift."""
        name = self.parameters.small
        return self.speaker if name is None or name == self.name else self._speaker(name)

    @cached_property
    def people(self) -> People:
        """For whom is written, with the views that the run's reward models read."""
        prepared, split = self.root / layout.prepared(self.dataset), self.root / layout.split(self.dataset)
        if self._user is not None:
            return People.one(prepared, split, self.views, self._user, self.parameters.pairs)
        return People.unseen(prepared, split, self.views, self.parameters.users, self.parameters.pairs)

    @cached_property
    def likelihoods(self) -> Likelihoods:
        """The writer's log-probabilities of the split's texts, kept across runs and datasets."""
        return self._likelihoods(self.speaker)

    @cached_property
    def steering_likelihoods(self) -> Likelihoods:
        """Those of the small model, which Drift's rewards are made of."""
        if self.small is self.speaker:
            return self.likelihoods
        return self._likelihoods(self.small, "small")

    def embed(self, prompts: Sequence[str]) -> Tensor:
        """(N, E) embeddings of prompts, which EXACT compares them by."""
        return torch.from_numpy(self._encoder.encode(prompts, [""] * len(prompts)).states)

    def drift(self, parameters: DriftParameters | None = None) -> DriftScorer:
        """Drift over the library's attributes, as the section says or with other parameters."""
        chosen = self.parameters.drift if parameters is None else parameters
        known = self.steering_likelihoods
        rewards = ZeroShot(known.table, contrastive(self.library), chosen.per, known.tokens)
        return DriftScorer(rewards, chosen)

    def exact(self, parameters: ExactParameters | None = None) -> ExactScorer:
        """EXACT over the library's attributes, as the section says or with other parameters."""
        chosen = self.parameters.exact if parameters is None else parameters
        people = self.people
        return ExactScorer(self._named, len(self.library.names), people.prompt_of_text, self._embeddings, chosen)

    @cached_property
    def tastes(self) -> Tastes:
        """What Drift makes of what is known of each user."""
        return self.drift().tastes(self.people.known)

    def rewards(self, method: str, pairs: int | None = None) -> PersonalRewards:
        """A trained reward model of the run, adapted to the users' first ``pairs``; None for all that is known."""
        model, trained_on = self.reward(method)
        self._check_views(model)
        backbone = self.backbone if model.view in (STATES, LIKELIHOOD) else None
        known = self.people.known if pairs is None else self.people.cohort.known(pairs)
        return PersonalRewards.of_pairs(model, backbone, trained_on, known)

    def lora_reward(self) -> LoraReward:
        """A reward model for each user, trained on the user's pairs alone."""
        folder = None if self._user is not None else self.root / layout.adapters(self.name) / "reward"
        return LoraReward(self.speaker, self.people.texts, self.parameters.adapters.reward, folder)

    def dpo(self) -> DpoPolicy:
        """A policy for each user, by DPO; adapters are kept for writing."""
        folder = None if self._user is not None else self.root / layout.adapters(self.name) / "dpo"
        kept = folder is not None  # by users' numbers, of which one user has none
        return DpoPolicy(self.speaker, self.people.texts, self.parameters.adapters.dpo, folder, kept)

    def writer(self, method: str, metered: bool = False) -> Writer:
        """Who writes by a method's name; Best-of-N's texts are the base model's or EXACT's. InputError if unknown.

        ``metered``: Drift's and EXACT's entropies are measured, which takes time.
        """
        reward, sampling = reward_of(method), self.parameters.sampling
        if method == HISTORY:
            return HistoryWriter(self.speaker, sampling, self.histories)
        if method == DRIFT:
            return self.steered(self.tastes.weights.numpy(), metered)
        if method == DPO:
            return PolicyWriter(self.dpo(), self.people.known, sampling)
        if method.startswith((EXACT, EXACT_GLOBAL)):
            return self._exact_writer("global" if method == EXACT_GLOBAL else "nearest", metered)
        if method.startswith(ARGS) and reward is not None:
            return ArgsWriter(self.speaker, self.rewards(reward), sampling, self.parameters.args)
        return PlainWriter(self.speaker, sampling)

    def steered(self, weights: np.ndarray, metered: bool = False) -> DriftWriter:
        """Drift's writer with weights (U, A) of the library's attributes, inferred or set by a user."""
        how = self.parameters.decoding
        sampling = self.parameters.sampling
        return DriftWriter(self.speaker, self.small, self.library, weights, sampling, how.kept, how.strength, metered)

    def lined(self, names: Sequence[str]) -> ExactWriter:
        """EXACT's writer with a line of attributes that a user set, whatever the prompt."""
        users, numbers = len(self.people.user_ids), [self.library.names.index(name) for name in names]
        everyone, unknown = np.arange(users), np.full(users, np.nan)
        subsets = np.tile(np.array(numbers, dtype=np.int64), (users, 1))
        memory = Memory.of(users, everyone, np.full(users, ANY_PROMPT), subsets, unknown, unknown)
        return ExactWriter(self.speaker, self.library, OneForAll(memory), _uncompared, self.parameters.sampling)

    @cached_property
    def histories(self) -> Histories:
        """The users' pairs in words, with room for the answer."""
        people, room = self.people, self.speaker.max_tokens - self.parameters.sampling.max_new_tokens
        most = min(self.parameters.history_pairs, self.parameters.pairs)
        frame = len(self.speaker.contexts(["?"], [contrastive(self.library)[0]])[0])  # of a chat's turns, at most
        return Histories.of(people.known, people.texts, self.count_tokens, room - frame, most)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without special ones."""
        backend = self.speaker.tokenizer.backend_tokenizer  # counts what is longer than a context, and says nothing
        return [len(one.ids) for one in backend.encode_batch(list(texts), add_special_tokens=False)]

    @cached_property
    def backbone(self) -> Backbone:
        """What reward models read: the run's first backbone."""
        return load_backbone(self._backbone_parameters(self.reading))

    @property
    def reading(self) -> str:
        """The name of the backbone that reward models read."""
        return str(section(self.values, "run.backbones")[0])

    @cached_property
    def views(self) -> dict[str, StateView]:
        """What the run's reward models read of the split's texts, as far as it was cached."""
        states = self.root / layout.states(self.dataset, self.reading)
        if not states.is_dir():
            return {}
        opened = open_states(states)
        surface = self.root / layout.surface(self.dataset)
        found: dict[str, StateView] = {STATES: opened}
        found |= {LIKELIHOOD: LikelihoodView(opened)} if opened.has_likelihoods else {}
        return found | ({SURFACE: open_surface(surface)} if surface.is_dir() else {})

    def training(self, method: str) -> Training:
        """The training of a reward model of the run. InputError if it was not trained."""
        found = Training(self.dataset, self.reading, method, VARIANT, self.root)
        if not (found.folder / "training.json").is_file():
            raise InputError(
                f"{found.folder} has no trained model: add {method!r} to run.methods and run `dvc repro`, or choose "
                "among those that are trained"
            )
        return found

    def _reward(self, method: str) -> tuple[RewardModel, Mapping[str, Any]]:
        """The model of the best seed by validation, and the identity of the backbone that it was trained on."""
        training = self.training(method)
        seed = layout.seed_folder(training.folder, training.best_seed)
        return load_model(seed), read_object(training.folder / "training.json")["backbone"]

    def _check_views(self, model: RewardModel) -> None:
        if model.shape.tuned:
            raise InputError(f"{model.name} was trained with its backbone, and here a frozen one is read: name another")
        if model.view and model.view not in self.people.cohort.pairs.responses.views:
            raise InputError(
                f"{model.name} reads the view {model.view!r} of {self.dataset}'s texts by {self.reading}, which is not "
                "there: run `dvc repro embed surface` (log-probabilities are a causal language model's alone)"
            )

    def _likelihoods(self, speaker: Speaker, part: str = "") -> Likelihoods:
        """Those of one user are kept beside the stages', which only stages may change."""
        made = self.root / layout.likelihoods(self.name) / part
        if self._keeps:
            return Likelihoods(speaker, self.people.texts, made)
        if self._user is None:
            return Likelihoods(speaker, self.people.texts, None, (made,))
        return Likelihoods(speaker, self.people.texts, self.root / layout.asked_likelihoods(self.name) / part, (made,))

    def _exact_writer(self, retrieval: Any, metered: bool) -> ExactWriter:
        scorer = self.exact(replace(self.parameters.exact, retrieval=retrieval))
        recall = scorer.adapt(self.people.known)
        return ExactWriter(self.speaker, self.library, recall, self.embed, self.parameters.sampling, metered)

    def _named(self, texts: np.ndarray, subsets: Sequence[tuple[int, ...]]) -> np.ndarray:
        conditions = {subset: named(self.library, subset) for subset in dict.fromkeys(subsets)}
        return self.likelihoods(texts, [conditions[subset] for subset in subsets])

    @cached_property
    def _encoder(self) -> Backbone:
        parameters = self._backbone_parameters(self.parameters.embeddings)
        return load_backbone(replace(parameters, log_probabilities=False))

    @cached_property
    def _embeddings(self) -> Tensor:
        return self.embed(self.people.prompts)

    def _speaker(self, name: str) -> Speaker:
        try:
            return load_speaker(self._backbone_parameters(name))
        except InputError as error:
            raise InputError(f"backbones.{name}: {error}") from error

    def _backbone_parameters(self, name: str) -> BackboneParameters:
        found = build(BackboneParameters, section(self.values, f"backbones.{name}"), f"backbones.{name}")
        local = self.root / found.model
        return replace(found, model=str(local)) if local.is_dir() else found


def _uncompared(prompts: Sequence[str]) -> Tensor:
    """Embeddings that nobody looks at."""
    return torch.zeros(len(prompts), 1)
