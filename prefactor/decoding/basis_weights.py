"""Weights over a model's preference bases that a user sets, beside inferred ones: LoRe's steering."""

from torch import Tensor

from prefactor.errors import InputError
from prefactor.methods import METHODS
from prefactor.methods.base import RewardModel, UserState
from prefactor.methods.simplex import SimplexReward
from prefactor.methods.vrf import VRF

WITH_BASES = (SimplexReward, VRF)


def with_weights(model: RewardModel, users: UserState, weights: Tensor) -> UserState:
    """The state of users who set how much each of the model's K bases counts: ``weights`` (K,), or (U, K).

    They are shares, scaled to sum to 1, and take the place of all that pairs told about a user's weights. A VRF with
    loadings weighs the bases' own: lambda_u = sum_k w_k m_k, whatever the user's pairs had moved them to. Set weights
    are a point that nobody doubts: a VRF's variances are 0, and its rewards have the scale that calibration gave to
    users of whom most is known. The state judges; VRF's ``update`` would infer the weight anew.

    Raises InputError for a model without bases, and for weights that are not K, negative, not finite or all 0.
    """
    number_of_bases(model, users)
    weight = _on_simplex(weights, users["weight"])
    state = {**users.tensors, "weight": weight}
    return UserState(state | _certain(model, weight) if isinstance(model, VRF) else state)


def number_of_bases(model: RewardModel, users: UserState) -> int:
    """K. Raises InputError for a model without bases."""
    if not isinstance(model, WITH_BASES):
        having = ", ".join(name for name, kind in METHODS.items() if issubclass(kind, WITH_BASES))
        raise InputError(f"{model.name} has no bases to weigh: use one of {having}")
    return users["weight"].shape[1]


def _on_simplex(weights: Tensor, inferred: Tensor) -> Tensor:
    """(U, K) of the type of ``inferred``."""
    bases = inferred.shape[1]
    if weights.shape[-1:] != (bases,):
        raise InputError(
            f"{weights.shape[-1]} weight(s) are given, but the model has {bases} bases: give each its share"
        )
    weights = weights.to(inferred).expand(inferred.shape)
    wrong = ~weights.isfinite().all(-1) | (weights < 0).any(-1) | (weights.sum(-1) == 0)  # (U,)
    if wrong.any():
        raise InputError(f"weights must be finite, not negative and not all 0, got {weights[wrong][0].tolist()}")
    return weights / weights.sum(-1, keepdim=True)


def _certain(model: VRF, weight: Tensor) -> dict[str, Tensor]:
    """What a VRF's rewards read of a state beside ``weight`` (U, K)."""
    most = model.calibration.range[1].expand(len(weight))
    scale = model.calibration.scale(most).to(weight)  # (U,)
    state = {"scale": scale, "widening": scale.new_zeros(scale.shape)}
    if model.loadings is None:
        return state
    loading = weight @ model.loadings.mean[:, : model.loadings.live]  # (U,K)@(K,R)
    return state | {"loading": loading, "covariance": weight.new_zeros(len(weight), *2 * [loading.shape[1]])}
