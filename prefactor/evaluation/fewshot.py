"""All that a trained method is judged on: seen users, unseen users, and unseen users with few reference pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from prefactor.cohorts import Cohort
from prefactor.evaluation.accuracy import margins, per_user
from prefactor.evaluation.calibration import Forecast
from prefactor.evaluation.items import Kind, Outcomes
from prefactor.evaluation.results import Judged
from prefactor.methods.base import RewardModel


def judge(
    models: Mapping[str, RewardModel], cohorts: Mapping[str, Cohort], shots: Sequence[int], kind: Kind = "prompts"
) -> list[Judged]:
    """Score every seed's model on evaluation pairs; ``kind`` is what users share.

    Seen users are known by all their training pairs, unseen users by all their reference pairs, and by the first n
    of them for every n in ``shots``. A user with fewer than n pairs counts with the pairs they have.
    """
    judged: dict[tuple[str, int], Judged] = {}  # (role, number of known pairs): sets are nested, so equal ones coincide
    conditions: list[tuple[str, int | None]] = [("seen", None), ("unseen", None), *(("unseen", n) for n in shots)]
    found = []
    for role, limit in conditions:
        key = role, len(cohorts[role].known(limit))
        if key not in judged:
            judged[key] = _judge(models, cohorts[role], limit, kind)
        found.append(replace(judged[key], shots=limit))
    return found


def _judge(models: Mapping[str, RewardModel], cohort: Cohort, limit: int | None, kind: Kind) -> Judged:
    """One condition, all seeds."""
    known, pairs = cohort.known(limit), cohort.to_predict("evaluation")
    found = {seed: margins(model, known, pairs) for seed, model in models.items()}
    figures = {seed: per_user(margin, pairs) for seed, margin in found.items()}
    forecasts = {seed: Forecast.of(margin, pairs) for seed, margin in found.items()}
    outcomes = Outcomes.of(cohort, [margin.mean > 0 for margin in found.values()], kind)
    return Judged(cohort.role, limit, cohort.user_ids, figures, forecasts, outcomes)
