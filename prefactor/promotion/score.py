"""What one registered model makes of the evaluation set, from its package as it would be served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from prefactor.cohorts import Cohort
from prefactor.evaluation.accuracy import adapted, compare_between, empty_margin, per_pair, per_user
from prefactor.evaluation.calibration import ATTENUATED, Forecast, calibration_errors
from prefactor.evaluation.intervals import Interval
from prefactor.evaluation.items import Kind, Outcomes
from prefactor.methods.vrf import VRF

Shots = int | None  # reference pairs that users are known by; None for all they have


@dataclass(frozen=True)
class Score:
    """Of U users: ``accuracy`` (U,) and, where pairs have groups, ``outcomes`` of single pairs, both by shots.

    ``forecast``: what was predicted of users known by all their reference pairs; ``uncertainty`` (U,) about these.
    """

    accuracy: Mapping[Shots, np.ndarray]
    outcomes: Mapping[Shots, Outcomes | None]
    forecast: Forecast
    uncertainty: np.ndarray

    def mean(self, shots: Shots = None, users: np.ndarray | None = None) -> float:
        """Mean accuracy of users by number, or of all; NaN where nobody has pairs."""
        found = self.accuracy[shots] if users is None else self.accuracy[shots][users]
        known = found[~np.isnan(found)]
        return float(known.mean()) if len(known) else float("nan")

    @property
    def calibration_error(self) -> Interval:
        """Expected calibration error of the probabilities that are served, over users."""
        intervals, _ = calibration_errors([[self.forecast]], ATTENUATED)
        return intervals[-1]


def score(model: VRF, cohort: Cohort, shots: Sequence[int], kind: Kind) -> Score:
    """Judge a model on a cohort's evaluation pairs, users known by all their reference pairs and by a few."""
    accuracy: dict[Shots, np.ndarray] = {}
    outcomes: dict[Shots, Outcomes | None] = {}
    pairs = cohort.to_predict("evaluation")
    for limit in (*shots, None):
        margin, uncertainty = empty_margin(pairs), []
        with torch.no_grad():
            for first, last, users in adapted(model, cohort.known(limit)):
                compare_between(model, users, pairs, first, last, margin)
                uncertainty.append(model.uncertainty(users))
        accuracy[limit] = per_user(margin, pairs).accuracy
        outcomes[limit] = Outcomes.of(cohort, [per_pair(margin)["accuracy"]], kind)
    return Score(accuracy, outcomes, Forecast.of(margin, pairs), torch.cat(uncertainty).numpy())
