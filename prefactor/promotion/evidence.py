"""The evidence of one decision: both models on the same evaluation set, and what the gates make of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from prefactor.errors import InputError
from prefactor.evaluation.latency import machine
from prefactor.promotion.data_quality import data_quality_gate
from prefactor.promotion.difference import difference
from prefactor.promotion.evaluation_set import EvaluationSet, frozen_set
from prefactor.promotion.gate import Gate, unmeasured
from prefactor.promotion.gates import (
    SCORED,
    accuracy_gate,
    calibration_gate,
    held_out_gate,
    latency_gate,
    slices_gate,
)
from prefactor.promotion.latency import race, sample_requests
from prefactor.promotion.loading import Loaded
from prefactor.promotion.parameters import PromotionParameters
from prefactor.promotion.score import Score, score
from prefactor.promotion.slices import COLUMNS, slice_table, slices_of
from prefactor.promotion.text_states import TextStates

NOBODY = pd.DataFrame(columns=COLUMNS)


@dataclass(frozen=True)
class Evidence:
    """``gates`` in their order, ``slices`` as a table, ``figures`` by name; ``about``: what was measured, and where."""

    gates: tuple[Gate, ...]
    slices: pd.DataFrame
    figures: Mapping[str, float]
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stopped_by(self) -> list[str]:
        """Names of the gates that keep the challenger from being served."""
        return [gate.name for gate in self.gates if gate.stops]


@dataclass(frozen=True)
class Case:
    """A challenger, the champion if there is one, and the users that they are judged by."""

    evaluation: EvaluationSet
    parameters: PromotionParameters
    challenger: Loaded
    champion: Loaded | None

    @property
    def models(self) -> dict[str, Loaded]:
        """By role, the champion first."""
        before = {} if self.champion is None else {"champion": self.champion}
        return {**before, "challenger": self.challenger}


@dataclass(frozen=True)
class Measured:
    """What both models made of the evaluation set, by role; ``slices`` and ``seconds`` where there are two."""

    scores: Mapping[str, Score]
    slices: pd.DataFrame
    seconds: np.ndarray | None
    about: Mapping[str, Any]


def gather(
    root: Path, dataset: str, challenger: Loaded, champion: Loaded | None, parameters: PromotionParameters
) -> Evidence:
    """Measure everything that the gates ask for. InputError where the evaluation set is missing or another one."""
    whole = frozen_set(root, dataset, parameters.frozen)
    known = {user for model in (challenger, champion) if model for user in model.served.ranker.known.row}
    overlap = whole.users & known
    left_out = overlap if parameters.known_users == "leave_out" else frozenset()
    case = Case(whole.leaving_out(left_out), parameters, challenger, champion)
    gates = [
        data_quality_gate(root, dataset, parameters.quality),
        held_out_gate(len(whole.users), len(overlap), len(left_out)),
    ]
    about = _about(case, whole)
    if gates[-1].stops:
        rest = [unmeasured(name, "not scored: users to be evaluated are known") for name in SCORED]
        return Evidence((*gates, *rest), NOBODY, {}, about)
    measured = _measure(case)
    if frozen_set(root, dataset, parameters.frozen).digest != whole.digest:
        raise InputError(f"the split of {dataset} was made anew while the models were judged: promote again")
    judged, figures = _judge(case, measured)
    return Evidence((*gates, *judged), measured.slices, figures, {**about, **measured.about})


def _about(case: Case, whole: EvaluationSet) -> dict[str, Any]:
    return {
        "evaluation_set": whole.digest,
        "evaluation_set_dvc_md5": whole.dvc_md5,
        "users": len(case.evaluation.users),
        "left_out": len(case.evaluation.without),
        "models": {
            role: {"version": model.label, "content": model.content, "backbone": dict(model.served.identity)}
            for role, model in case.models.items()
        },
        "machine": machine(torch.device("cpu")),
    }


def _measure(case: Case) -> Measured:
    evaluation, asked = case.evaluation, case.parameters
    views = {role: TextStates(evaluation.root, evaluation.dataset, model.served) for role, model in case.models.items()}
    rankers = {role: model.served.ranker for role, model in case.models.items()}
    cohorts = {role: evaluation.cohort(ranker.model.view, views[role]) for role, ranker in rankers.items()}
    shots = asked.slices.shots if asked.slices else ()
    scores = {role: score(rankers[role].model, each, shots, evaluation.kind) for role, each in cohorts.items()}
    slices, seconds = NOBODY, None
    if case.champion and asked.slices:
        found = slices_of(evaluation, cohorts["champion"], scores["champion"], asked.slices)
        slices = slice_table(found, scores["champion"], scores["challenger"], asked.slices)
    if case.champion and asked.latency:
        speed = asked.latency
        requests = sample_requests(evaluation.root, evaluation.dataset, speed.requests, speed.candidates)
        seconds = race(list(rankers.values()), requests) if requests else None
    pairs = len(cohorts["challenger"].to_predict("evaluation"))
    about = {"pairs": pairs, "states": {role: view.source for role, view in views.items()}}
    return Measured(scores, slices, seconds, about)


def _judge(case: Case, measured: Measured) -> tuple[list[Gate], dict[str, float]]:
    """The gates that ask for scores, and the figures behind them."""
    asked, first, scores = case.parameters, case.champion is None, measured.scores
    found = None if first else difference(scores["champion"], scores["challenger"])
    errors = {role: each.calibration_error.value for role, each in scores.items()}
    figures = {f"{role}/accuracy": each.mean() for role, each in scores.items()}
    figures |= {f"{role}/ece": error for role, error in errors.items()}
    if found is not None:
        interval = found.interval
        figures |= {"difference": interval.value, "difference/low": interval.low, "difference/high": interval.high}
    if measured.seconds is not None:
        p95 = np.quantile(measured.seconds, 0.95, axis=1)
        figures |= {f"{role}/p95_seconds": float(value) for role, value in zip(scores, p95, strict=True)}
    gates = [
        accuracy_gate(asked.accuracy, first, found),
        calibration_gate(asked.calibration, errors.get("champion"), errors["challenger"]),
        latency_gate(asked.latency, first, measured.seconds),
        slices_gate(asked.slices, first, measured.slices),
    ]
    return gates, {name: value for name, value in figures.items() if np.isfinite(value)}
