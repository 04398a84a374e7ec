"""Directions along which users' tastes spread most, whether or not any one of them stands out of chance.

Users' weights on the leading principal axes of the states' differences are taken to be N(m, S), learnt by expectation
maximisation (``methods.population``). With R the symmetric root of S, a user's margin over a pair that differs by d is
m.d + z.(R d), z ~ N(0, I); so its variance over users, averaged over pairs, is the trace of M = R E[d d'] R. Features
v_j' R h, with v_j the leading eigenvectors of M, keep the most of that variance that so many features can, and a user's
weight on each has unit variance.

A few tastes that stand out are found more sharply without it (``preference_matrix``, ``user_scores``). It is for the
many that are weak one by one and not all together, such as what people laugh at. It knows of no others: beside detected
directions some features repeat what those tell, and the covariance of weights on both has to sort that out.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.methods.logistic import Observed
from prefactor.methods.population import EMParameters, learn_population
from prefactor.methods.principal_axes import principal_axes
from prefactor.preferences import PairBatch

AXES = 256  # principal axes of the differences that weights act on; bounds the (A, A) covariance of wide states
RANK_TOLERANCE = 1e-6  # of the largest eigenvalue of M: what pairs do not differ by at all is no feature


@dataclass(frozen=True)
class FilledParameters(EMParameters):
    """How many features are taken, ``outputs``, and how the population over weights on the states is learnt."""

    outputs: int = 96

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.outputs < 1:
            raise ValueError(f"outputs must be at least 1, got {self.outputs}")


@dataclass(frozen=True)
class Tastes:
    """Of standardised states: ``common`` (H,), m; ``features`` (F, H), those that tell tastes apart most first."""

    common: Tensor
    features: Tensor


@torch.no_grad()
def leading_tastes(known: PairBatch, states: Tensor, beside: Tensor, parameters: FilledParameters) -> Tastes:
    """From seen users' pairs and standardised ``states`` (T, H).

    Features of what tastes have ``beside`` some features (f, H): of margins, the part that is uncorrelated with
    theirs over the pairs. Where pairs differ by fewer the last are zero.
    """
    variance, axes = (part[..., -AXES:] for part in principal_axes(known, states))  # (A,), (H,A)
    projected = states @ axes  # (T,H)@(H,A)
    difference = projected[known.chosen] - projected[known.rejected]  # (N,A)
    nothing = difference.new_zeros(len(difference))
    population = learn_population(Observed(difference, nothing, known.segment, known.n_users), parameters)
    variance = variance.double()
    rest = _apart((beside @ axes).double(), variance)  # (A,A)
    covariance = rest @ population.covariance.double() @ rest.T
    features = leading_features(covariance, variance, parameters.outputs)  # (F,A)
    return Tastes(axes @ population.mean, features.to(axes) @ axes.T)  # (F,A)@(A,H)


def _apart(features: Tensor, variance: Tensor) -> Tensor:
    """(A, A) map of weights to what the ``features`` (f, A) do not explain of their margins: I - V'(V M V')^-1 V M."""
    weighted = features * variance  # (f,A) V M
    explained = features.T @ torch.linalg.pinv(weighted @ features.T, hermitian=True) @ weighted
    return torch.eye(len(variance), dtype=features.dtype, device=features.device) - explained


def leading_features(covariance: Tensor, variance: Tensor, most: int) -> Tensor:
    """(F, A) from weights' covariance (A, A), where differences are uncorrelated and of ``variance`` (A,)."""
    spread, turn = torch.linalg.eigh(covariance)
    root = (turn * spread.clamp(min=0).sqrt()) @ turn.T  # (A,A)
    value, vector = torch.linalg.eigh((root * variance) @ root)  # rising
    kept = vector.flip(1)[:, :most] * (value.flip(0)[:most] > RANK_TOLERANCE * value[-1])
    features = kept.T @ root  # (f,A)@(A,A)
    return torch.cat([features, features.new_zeros(most - len(features), features.shape[1])])
