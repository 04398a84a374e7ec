"""A mixture of Gaussians over users' weights, learnt from many users' pairs by expectation maximisation.

The model: w_u ~ sum_k pi_k N(m_k, S_k), and a user's pairs follow a logistic regression on w_u (``methods.logistic``).
One component is empirical Bayes. The E step approximates each user's posterior under each component by Laplace's
method; its evidence gives the responsibilities (Bishop 2006, sections 4.4 and 9.2).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.methods.logistic import LONGEST_STEP, Observed, fit_weights
from prefactor.segments import groups_by_length

CELLS_PER_GROUP = 8_000_000  # bounds the (u, K, n, D) tensors of pairs
USERS_PER_CHUNK = 512  # bounds the (U, K, D, D) tensors of posteriors
E_STEPS = 4  # Newton steps of an E step: enough for moments that the next iteration changes anyway
JITTER = 1e-4
RESTARTS, K_MEANS_STEPS = 10, 30


@dataclass(frozen=True)
class Mixture:
    """K components over D weights: ``log_share`` (K,) in nats, ``mean`` (K, D), ``covariance`` (K, D, D)."""

    log_share: Tensor
    mean: Tensor
    covariance: Tensor


@dataclass(frozen=True)
class Expansion:
    """A user's log-likelihood around K points: value (U, K), gradient (U, K, D), negative Hessian (U, K, D, D)."""

    value: Tensor
    gradient: Tensor
    curvature: Tensor


@dataclass(frozen=True)
class Posteriors:
    """Each user's posterior by component: ``log_weight`` (U, K) in nats, ``mean`` (U, K, D), ``covariance``."""

    log_weight: Tensor
    mean: Tensor
    covariance: Tensor


def expand(observed: Observed, at: Tensor) -> Expansion:
    """Log-likelihoods of the users' pairs around ``at``: (K, D), the same for all, or (U, K, D). Sums over pairs."""
    components, dimensions = at.shape[-2:]
    value = observed.difference.new_zeros(observed.users, components)
    gradient = observed.difference.new_zeros(observed.users, components, dimensions)
    curvature = observed.difference.new_zeros(observed.users, components, dimensions, dimensions)
    per_pair = components * dimensions
    for users, rows, real in groups_by_length(
        observed.segment, observed.users, lambda pairs: CELLS_PER_GROUP // (per_pair * (pairs + dimensions))
    ):
        delta, known = observed.difference[rows], real.unsqueeze(1)  # (u,n,D),(u,1,n)
        points = at if at.dim() == 2 else at[users]
        margin = delta @ points.mT + observed.offset[rows].unsqueeze(-1)  # (u,n,D)@(D,K) -> (u,n,K) logit
        margin = margin.mT  # (u,K,n)
        chance = torch.sigmoid(margin)
        weighted = (chance * (1 - chance) * known).unsqueeze(-1) * delta.unsqueeze(1)  # (u,K,n,D)
        value = value.index_add(0, users, (F.logsigmoid(margin) * known).sum(-1))
        gradient = gradient.index_add(0, users, ((1 - chance) * known) @ delta)  # (u,K,n)@(u,n,D)
        curvature = curvature.index_add(0, users, weighted.mT @ delta.unsqueeze(1))  # (u,K,D,n)@(u,1,n,D)
    return Expansion(value, gradient, curvature)


def posteriors(observed: Observed, mixture: Mixture, steps: int = E_STEPS) -> Posteriors:
    """Laplace's approximation under each component, after ``steps`` of Newton's method from its mean."""
    precision = torch.linalg.inv(mixture.covariance)  # (K,D,D)
    mean = mixture.mean.expand(observed.users, -1, -1)  # (U,K,D)
    for _ in range(steps):
        found = expand(observed, mean)
        away = (precision @ (mean - mixture.mean).unsqueeze(-1)).squeeze(-1)
        step = torch.linalg.solve(precision + found.curvature, found.gradient - away)  # (U,K,D)
        mean = mean + _damping(observed, step).unsqueeze(-1) * step
    found = expand(observed, mean)
    factor = torch.linalg.cholesky(precision + found.curvature)
    away = (mean - mixture.mean).unsqueeze(-1)  # (U,K,D,1)
    prior = -0.5 * (away.mT @ precision @ away).squeeze((-1, -2)) + 0.5 * torch.logdet(precision)
    volume = -factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)  # (U,K)
    return Posteriors(mixture.log_share + found.value + prior + volume, mean, torch.cholesky_inverse(factor))


def learn_mixture(
    observed: Observed, components: int, iterations: int, prior_users: float, generator: torch.Generator
) -> Mixture:
    """Expectation maximisation from centres among the users' own fits.

    A component's covariance is drawn to that of all components together as if ``prior_users`` further users had shown
    it, which keeps small components well-posed.
    """
    dimensions = observed.difference.shape[1]
    identity = torch.eye(dimensions, dtype=observed.difference.dtype)
    own = fit_weights(observed, identity.new_zeros(observed.users, dimensions), identity).mean  # (U,D)
    mixture = _start(own, components, generator)
    for _ in range(iterations):
        mixture = em_step(observed, mixture, prior_users)
    return mixture


def em_step(observed: Observed, mixture: Mixture, prior_users: float) -> Mixture:
    """One E step and one M step."""
    count, total = torch.zeros_like(mixture.log_share), torch.zeros_like(mixture.mean)
    square = torch.zeros_like(mixture.covariance)
    for part in _users_at_a_time(observed):
        found = posteriors(part, mixture)
        share = found.log_weight.softmax(-1)  # (U,K)
        count += share.sum(0)
        total += (share.unsqueeze(-1) * found.mean).sum(0)
        spread = found.covariance + found.mean.unsqueeze(-1) * found.mean.unsqueeze(-2)  # E[w w'] (U,K,D,D)
        square += (share[..., None, None] * spread).sum(0)
    held = count.clamp(min=1e-6)
    # A component that nobody belongs to stays where it was.
    mean = torch.where(count.unsqueeze(-1) > 1e-3, total / held.unsqueeze(-1), mixture.mean)
    scatter = square - _outer(total, mean) - _outer(mean, total) + count[:, None, None] * _outer(mean, mean)
    return _with_pooled_covariance(count, mean, scatter, prior_users)


def _with_pooled_covariance(count: Tensor, mean: Tensor, scatter: Tensor, prior_users: float) -> Mixture:
    users, components = float(count.sum()), len(count)
    pooled = scatter.sum(0) / users
    covariance = (scatter + prior_users * pooled) / (count + prior_users)[:, None, None]
    covariance = covariance + JITTER * torch.eye(mean.shape[1], dtype=mean.dtype)
    return Mixture(((count + 1) / (users + components)).log(), mean, (covariance + covariance.mT) / 2)


def _start(points: Tensor, components: int, generator: torch.Generator) -> Mixture:
    """Centres and shares by k-means, and the spread around the centres as every component's covariance."""
    centre, label = k_means(points, components, generator)
    count = torch.bincount(label, minlength=components).to(points.dtype)
    away = points - centre[label]
    pooled = away.T @ away / len(points) + 0.1 * torch.eye(points.shape[1], dtype=points.dtype)
    share = ((count + 1) / (len(points) + components)).log()
    return Mixture(share, centre, pooled.expand(components, -1, -1).clone())


def k_means(points: Tensor, components: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Centres (K, D) and each point's label (M,): the tightest of RESTARTS runs, since one may miss a cluster."""
    runs = [_one_k_means(points, components, generator) for _ in range(RESTARTS)]
    return min(runs, key=lambda run: float((points - run[0][run[1]]).square().sum()))


def _one_k_means(points: Tensor, components: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """From far-apart random points (k-means++)."""
    centre = points[torch.randint(len(points), (1,), generator=generator)]
    for _ in range(components - 1):
        nearest = torch.cdist(points, centre).square().amin(-1) + 1e-9
        centre = torch.cat([centre, points[torch.multinomial(nearest, 1, generator=generator)]])
    for _ in range(K_MEANS_STEPS):
        label = torch.cdist(points, centre).argmin(-1)
        count = torch.bincount(label, minlength=components).unsqueeze(-1)
        mean = torch.zeros_like(centre).index_add_(0, label, points) / count.clamp(min=1)
        centre = torch.where(count > 0, mean, centre)
    return centre, torch.cdist(points, centre).argmin(-1)


def largest_change(observed: Observed, step: Tensor) -> Tensor:
    """(U, K) largest absolute change of a pair's margin, in logits, by steps (U, K, D) of the weights."""
    change = (observed.difference.unsqueeze(1) * step[observed.segment]).sum(-1).abs()  # (N,1,D)*(N,K,D) -> (N,K)
    index = observed.segment.unsqueeze(-1).expand_as(change)
    return change.new_zeros(step.shape[:2]).scatter_reduce(0, index, change, "amax")


def _damping(observed: Observed, step: Tensor) -> Tensor:
    """(U, K) factors that keep every margin's change within LONGEST_STEP."""
    return LONGEST_STEP / largest_change(observed, step).clamp(min=LONGEST_STEP)


def _outer(first: Tensor, second: Tensor) -> Tensor:
    return first.unsqueeze(-1) * second.unsqueeze(-2)  # (K,D),(K,D) -> (K,D,D)


def _users_at_a_time(observed: Observed) -> Iterator[Observed]:
    """The same pairs, USERS_PER_CHUNK users at a time, numbered from 0."""
    for first in range(0, observed.users, USERS_PER_CHUNK):
        last = min(first + USERS_PER_CHUNK, observed.users)
        rows = (observed.segment >= first) & (observed.segment < last)
        yield Observed(observed.difference[rows], observed.offset[rows], observed.segment[rows] - first, last - first)
