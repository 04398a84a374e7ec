"""Directions along which users' tastes spread most, whether or not any one of them stands out of chance.

Users' weights on the leading principal axes of the states' differences are taken to be N(m, S), learnt by expectation
maximisation (``methods.population``). With R the symmetric root of S, a user's margin over a pair that differs by d is
m.d + z.(R d), z ~ N(0, I); so its variance over users, averaged over pairs, is the trace of M = R C R. Features
v_j' R h, with v_j the leading eigenvectors of M, keep the most of that variance that so many features can, and a user's
weight on each has unit variance.

A few tastes that stand out are found more sharply without it (``preference_matrix``, ``user_scores``). It is for the
many that are weak one by one and not all together, such as what people laugh at. Beside detected directions V, what
they explain of every taste's margins is taken away first, w <- (I - V'(V C V')^-1 V C) w with C = E[d d'], and S of w
with it: the features are of the rest, uncorrelated with V's over the pairs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.methods.logistic import Observed
from prefactor.methods.population import EMParameters, learn_population
from prefactor.methods.principal_axes import principal_axes
from prefactor.preferences import PairBatch

AXES = 256  # principal axes of the differences that weights act on; bounds the (A, A) covariance of wide states
RANK_TOLERANCE = 1e-6  # of the largest eigenvalue of C, and of M: what pairs do not differ by at all is no feature


@dataclass(frozen=True)
class FilledParameters(EMParameters):
    """How the population over weights on the states is learnt, and how much of it is taken.

    outputs   features
    """

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
    told = variance > RANK_TOLERANCE * variance[-1]
    variance, axes = variance[told], axes[:, told]
    projected = states @ axes  # (T,H)@(H,A)
    difference = projected[known.chosen] - projected[known.rejected]  # (N,A)
    nothing = difference.new_zeros(len(difference))
    population = learn_population(Observed(difference, nothing, known.segment, known.n_users), parameters)
    covariance, variance = population.covariance.double(), variance.double()
    rest = _apart((beside @ axes).double(), variance)  # (A,A)
    _, spread = _root_and_spread(covariance, variance)
    least = RANK_TOLERANCE * float(torch.linalg.eigvalsh(spread)[-1])  # of all tastes: the rest may be nothing
    features = leading_features(rest @ covariance @ rest.T, variance, parameters.outputs, least)  # (F,A)
    return Tastes(axes @ population.mean, features.to(axes) @ axes.T)  # (F,A)@(A,H)


def _apart(features: Tensor, variance: Tensor) -> Tensor:
    """(A, A) map of weights to what the ``features`` (f, A) do not explain of their margins: I - V'(V C V')^-1 V C."""
    weighted = features * variance  # (f,A) V C
    explained = features.T @ torch.linalg.pinv(weighted @ features.T, hermitian=True) @ weighted
    return torch.eye(len(variance), dtype=features.dtype, device=features.device) - explained


def leading_features(covariance: Tensor, variance: Tensor, most: int, least: float) -> Tensor:
    """(F, A) from weights' covariance (A, A), where differences are uncorrelated and of ``variance`` (A,).

    Of the margins' variance each holds more than ``least``, and later ones, of F = ``most``, are zero.
    """
    root, spread = _root_and_spread(covariance, variance)
    value, vector = torch.linalg.eigh(spread)  # rising
    kept = vector.flip(1)[:, :most] * (value.flip(0)[:most] > least)
    features = kept.T @ root  # (f,A)@(A,A)
    return torch.cat([features, features.new_zeros(most - len(features), features.shape[1])])


def _root_and_spread(covariance: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """R and M, (A, A) and (A, A)."""
    value, turn = torch.linalg.eigh(covariance)
    root = (turn * value.clamp(min=0).sqrt()) @ turn.T
    return root, (root * variance) @ root
