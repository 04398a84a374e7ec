"""Gaussians: product, Wasserstein distance, divergence from a mixture; variance along a direction."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.segments import side_by_side


@dataclass(frozen=True)
class Gaussians:
    """Diagonal Gaussians, one per row: mean (..., D) and standard deviation (..., D)."""

    mean: Tensor
    std: Tensor


def from_natural(shift: Tensor, precision: Tensor) -> Gaussians:
    """Gaussians from natural parameters: shift = mean / std^2 and precision = 1 / std^2, each (..., D).

    The natural parameters of a product of Gaussians are the sums of its factors' (VRF Eq. 5).
    """
    return Gaussians(shift / precision, precision.rsqrt())


def squared_distances(rows: Tensor, columns: Tensor) -> Tensor:
    """(M, D) and (K, D) -> (M, K) squared Euclidean distances, without an (M, K, D) tensor."""
    cross = rows @ columns.T  # (M,D)@(D,K) -> (M,K)
    squares = rows.square().sum(-1, keepdim=True) + columns.square().sum(-1)  # (M,1)+(K,) -> (M,K)
    return (squares - 2 * cross).clamp(min=0)


def wasserstein(first: Gaussians, second: Gaussians, factor: float = 1.0) -> Tensor:
    """Squared 2-Wasserstein distances (M, K) between M and K diagonal Gaussians (Villani 2008; VRF section 4.2).

    ``factor`` 1 is the distance; the paper prints 1/2 before it.
    """
    return factor * (squared_distances(first.mean, second.mean) + squared_distances(first.std, second.std))


def log_mixture(points: Tensor, components: Gaussians) -> Tensor:
    """log density (M,) of points (M, D) under the equal-weight mixture of K Gaussians, in nats (VRF Eq. 19)."""
    precision = components.std.square().reciprocal()  # (K,D)
    quadratic = (
        points.square() @ precision.T  # (M,D)@(D,K) -> (M,K)
        - 2 * points @ (components.mean * precision).T
        + (components.mean.square() * precision).sum(-1)
    )
    log_scale = components.std.log().sum(-1) + 0.5 * points.shape[-1] * math.log(2 * math.pi)  # (K,)
    log_density = -0.5 * quadratic - log_scale  # (M,K)
    return torch.logsumexp(log_density, -1) - math.log(components.mean.shape[0])


def variance_along(direction: Tensor, covariance: Tensor, segment: Tensor) -> Tensor:
    """(N,) d' S d of directions (N, D), with S the (U, D, D) covariance of the user in its ``segment`` (N,)."""
    own, place = side_by_side(direction, segment, len(covariance))
    found = ((own @ covariance) * own).sum(-1)  # (U,n,D)@(U,D,D) -> (U,n)
    return found[segment, place].clamp(min=0)


def entropy(gaussians: Gaussians) -> Tensor:
    """(...,) entropy in nats of diagonal Gaussians (VRF Eq. 17)."""
    return (0.5 * (1 + math.log(2 * math.pi)) + gaussians.std.log()).sum(-1)


def divergence_from_mixture(
    gaussians: Gaussians, components: Gaussians, samples: int, generator: torch.Generator
) -> Tensor:
    """KL(q_u || mixture) (U,) in nats: entropy in closed form, cross-entropy by S reparameterised samples.

    VRF Eqs. (16) to (19); unbiased, so a single estimate may be negative.
    """
    users, latent = gaussians.mean.shape
    noise = torch.randn(samples, users, latent, generator=generator, device=gaussians.mean.device)
    points = gaussians.mean + gaussians.std * noise  # (S,U,D)
    cross = -log_mixture(points.reshape(-1, latent), components).view(samples, users).mean(0)  # (U,)
    return cross - entropy(gaussians)


def divergence_from_standard(gaussians: Gaussians) -> Tensor:
    """KL(q_u || N(0, I)) (U,) in nats, in closed form."""
    variance = gaussians.std.square()
    return 0.5 * (variance + gaussians.mean.square() - 1 - variance.log()).sum(-1)
