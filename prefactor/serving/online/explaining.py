"""What rewards are made of: the parts of preference bases, which add up, and where doubt comes from."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.methods.base import UserState
from prefactor.methods.factorised import BASIS
from prefactor.methods.filtering import Belief
from prefactor.methods.vrf import BELIEF, VRF
from prefactor.preferences import Responses


@dataclass(frozen=True)
class Parts:
    """C candidates' rewards for one user against their mean, in logits, taken apart.

    bases    (C, K) parts of the bases: the user's weight on one times the reward that it alone would give
    common   (C,) the part that is the same for everyone; with ``bases`` over K it adds up to the reward
    between  (C,) squared logits: variance of which basis is the user's
    within   (C,) squared logits: variance that a basis leaves open; with ``between`` the reward's variance
    """

    bases: Tensor
    common: Tensor
    between: Tensor
    within: Tensor


@torch.inference_mode()
def take_apart(model: VRF, user: UserState, read: Responses) -> Parts:
    """The parts of the rewards of candidates that the model has ``read``, for one user (1 row)."""
    phi = read.views[BASIS]  # (C,F), or (C,F+1)
    away = phi - phi.mean(0)
    scale, weight = user["scale"], user["weight"][0]  # (1,), (K,)
    alone, within = _alone(model, user, away)  # (C,K), (C,), of unscaled rewards
    common = away[:, model.features :].sum(-1)  # none without a common reward
    between = (weight * (alone - (alone @ weight).unsqueeze(-1)).square()).sum(-1)  # (C,)
    widening = scale.square() * user["widening"]
    return Parts(scale * weight * alone, scale * common, widening * between, widening * within)


def _alone(model: VRF, user: UserState, away: Tensor) -> tuple[Tensor, Tensor]:
    """Rewards (C, K) that each basis alone would give, and the variance (C,) within a basis."""
    if model.loadings is None:
        return away, away.new_zeros(len(away))
    mean, covariance = model.loadings.weights(Belief(*(user[name] for name in BELIEF)))  # (1,K,R), (1,R,R)
    live = away[:, : model.loadings.live]  # (C,R)
    return live @ mean[0].T, ((live @ covariance[0]) * live).sum(-1).clamp(min=0)


def weights(model: VRF, user: UserState) -> Sequence[tuple[float, float]]:
    """Mean and standard deviation of one user's weight on each live output of phi; none as published."""
    if model.loadings is None:
        return []
    scale, spread = user["scale"][0], user["covariance"][0].diagonal().clamp(min=0).sqrt()
    widened = spread * scale * user["widening"][0].sqrt()
    return list(zip((user["loading"][0] * scale).tolist(), widened.tolist(), strict=True))
