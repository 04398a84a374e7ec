"""All that a trained method is judged on: seen users, unseen users, and unseen users with few reference pairs."""

from collections.abc import Mapping, Sequence

from prefactor.cohorts import Cohort
from prefactor.evaluation.accuracy import predict
from prefactor.evaluation.results import Judged
from prefactor.methods.base import RewardModel


def judge(models: Mapping[str, RewardModel], cohorts: Mapping[str, Cohort], shots: Sequence[int]) -> list[Judged]:
    """Score every seed's model on evaluation pairs.

    Seen users are known by all their training pairs, unseen users by all their reference pairs, and by the first n
    of them for every n in ``shots``. A user with fewer than n pairs counts with the pairs they have.
    """
    conditions: list[tuple[str, int | None]] = [("seen", None), ("unseen", None), *(("unseen", n) for n in shots)]
    return [
        Judged(
            role,
            limit,
            cohorts[role].user_ids,
            {seed: predict(model, cohorts[role], "evaluation", limit) for seed, model in models.items()},
        )
        for role, limit in conditions
    ]
