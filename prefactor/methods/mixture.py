"""A mixture of Gaussians over users' weights, learnt from many users' pairs by expectation maximisation.

The model: w_u ~ sum_k pi_k N(m_k, S), and a user's pairs follow a logistic regression on w_u (``methods.logistic``).
One component is empirical Bayes. The E step filters each user's pairs (``methods.filtering``), as the bases will at
adaptation; the evidence gives the responsibilities (Bishop 2006, section 9.2).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.methods.filtering import Belief, absorb
from prefactor.methods.logistic import Observed, fit_weights

USERS_PER_CHUNK = 1_024  # bounds the (U, D, D) tensors of posteriors
JITTER = 1e-4
RESTARTS, K_MEANS_STEPS = 10, 30


@dataclass(frozen=True)
class Mixture:
    """K components over D weights: ``log_share`` (K,) in nats, ``mean`` (K, D), one ``covariance`` (D, D)."""

    log_share: Tensor
    mean: Tensor
    covariance: Tensor


def posteriors(observed: Observed, mixture: Mixture) -> tuple[Belief, Tensor]:
    """Each user's weights under each component, and the log joint (U, K) of component and choices, in nats."""
    prior = Belief.prior(observed.users, mixture.mean, mixture.covariance)
    found = absorb(prior, mixture.log_share, observed)
    return found, mixture.log_share + found.evidence


def learn_mixture(observed: Observed, components: int, iterations: int, generator: torch.Generator) -> Mixture:
    """Expectation maximisation from centres among the users' own fits."""
    dimensions = observed.difference.shape[1]
    identity = torch.eye(dimensions, dtype=observed.difference.dtype, device=observed.difference.device)
    own = fit_weights(observed, identity.new_zeros(observed.users, dimensions), identity).mean  # (U,D)
    mixture = _start(own, components, generator)
    for _ in range(iterations):
        mixture = em_step(observed, mixture)
    return mixture


def em_step(observed: Observed, mixture: Mixture) -> Mixture:
    """One E step and one M step."""
    count, total = torch.zeros_like(mixture.log_share), torch.zeros_like(mixture.mean)
    square = torch.zeros_like(mixture.covariance)
    for part in observed.parts(USERS_PER_CHUNK):
        found, joint = posteriors(part, mixture)
        share = joint.softmax(-1)  # (U,K)
        away = found.mean - mixture.mean  # around the old means: moments around 0 would cancel in single precision
        weighed = share.unsqueeze(-1) * away  # (U,K,D)
        count += share.sum(0)
        total += weighed.sum(0)
        square += found.covariance.sum(0) + weighed.flatten(0, 1).T @ away.flatten(0, 1)  # (D,UK)@(UK,D)
    # A component that nobody belongs to stays where it was.
    shift = torch.where(count.unsqueeze(-1) > 1e-3, total / count.clamp(min=1e-6).unsqueeze(-1), 0.0)  # (K,D)
    covariance = (square - (count.unsqueeze(-1) * shift).T @ shift) / observed.users  # (D,K)@(K,D)
    covariance = covariance + JITTER * torch.eye(len(covariance), dtype=covariance.dtype, device=covariance.device)
    log_share = ((count + 1) / (observed.users + len(count))).log()
    return Mixture(log_share, mixture.mean + shift, (covariance + covariance.mT) / 2)


def _start(points: Tensor, components: int, generator: torch.Generator) -> Mixture:
    """Centres and shares by k-means, and the spread around the centres."""
    centre, label = k_means(points, components, generator)
    count = torch.bincount(label, minlength=components).to(points.dtype)
    away = points - centre[label]
    pooled = away.T @ away / len(points) + 0.1 * torch.eye(points.shape[1], dtype=points.dtype, device=points.device)
    share = ((count + 1) / (len(points) + components)).log()
    return Mixture(share, centre, pooled)


def k_means(points: Tensor, components: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Centres (K, D) and each point's label (M,): the tightest of RESTARTS runs, since one may miss a cluster."""
    runs = [_one_k_means(points, components, generator) for _ in range(RESTARTS)]
    return min(runs, key=lambda run: float((points - run[0][run[1]]).square().sum()))


def _one_k_means(points: Tensor, components: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """From far-apart random points (k-means++)."""
    centre = points[torch.randint(len(points), (1,), generator=generator)]
    for _ in range(components - 1):
        nearest = torch.cdist(points, centre).square().amin(-1) + 1e-9
        drawn = torch.multinomial(nearest.cpu(), 1, generator=generator)  # generators live on the CPU
        centre = torch.cat([centre, points[drawn.to(points.device)]])
    for _ in range(K_MEANS_STEPS):
        label = torch.cdist(points, centre).argmin(-1)
        count = torch.bincount(label, minlength=components).unsqueeze(-1)
        mean = torch.zeros_like(centre).index_add_(0, label, points) / count.clamp(min=1)
        centre = torch.where(count > 0, mean, centre)
    return centre, torch.cdist(points, centre).argmin(-1)
