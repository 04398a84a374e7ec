"""Per-user accuracy and log loss of a method on the pairs it has not seen."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from prefactor.cohorts import Cohort
from prefactor.methods.base import Margin, RewardModel
from prefactor.preferences import PairBatch
from prefactor.segments import segment_mean


@dataclass(frozen=True)
class UserFigures:
    """One figure per user (U,): accuracy in [0, 1], log loss in nats, and the pairs it was measured on.

    A user without pairs to predict has NaN.
    """

    accuracy: np.ndarray
    log_loss: np.ndarray
    pairs: np.ndarray


def predict(model: RewardModel, cohort: Cohort, part: str, shots: int | None = None) -> UserFigures:
    """Adapt all users of a cohort on what is known of them (at most ``shots`` pairs), then score one part."""
    with torch.no_grad():
        users = model.adapt(cohort.known(shots))
        pairs = cohort.to_predict(part)
        return per_user(model.compare(users, pairs), pairs)


def per_user(margin: Margin, pairs: PairBatch) -> UserFigures:
    """Share of a user's pairs with r(y+) > r(y-), and mean -log P(y+ preferred)."""
    count = pairs.pairs_per_user()
    correct = (margin.mean > 0).to(torch.float64)  # (N,)
    nats = -F.logsigmoid(margin.attenuated()).to(torch.float64)
    undefined = torch.where(count > 0, 0.0, torch.nan).to(torch.float64)
    accuracy = segment_mean(correct, pairs.segment, pairs.n_users) + undefined
    log_loss = segment_mean(nats, pairs.segment, pairs.n_users) + undefined
    return UserFigures(accuracy.numpy(), log_loss.numpy(), count.numpy())
