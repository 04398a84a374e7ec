"""Logistic regression with a Gaussian prior, for all users at once: the MAP weight and its Laplace posterior.

A user's reward difference over pair i is z_i = delta_i . w + o_i, with delta_i (D,) the pair's feature difference and
o_i an offset that is not fitted (0, or a common reward's difference); the likelihood of the choice is sigmoid(z_i), the
prior w ~ N(m, S). The posterior is strictly log-concave, so Newton's method finds its one mode. Two forms of the same
answer: :func:`fit_weights` works with (U, D, D) matrices and suits few dimensions and any number of pairs;
:func:`fit_kernel` works with (U, n, n) matrices over the pairs and suits many dimensions and few pairs (Rasmussen and
Williams 2006, Algorithm 3.1).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.preferences import PairBatch
from prefactor.segments import places, segment_sum, side_by_side

PAIRS_PER_BLOCK = 16
BLOCKS_PER_CHUNK = 4_096  # bounds the (M, D, D) sums of outer products
NEWTON_STEPS = 12  # quadratic convergence: the gradient is at rounding error after 5 to 8
LONGEST_STEP = 4.0  # no margin moves by more in one step, in logits: full Newton steps may cycle where classes separate


@dataclass(frozen=True)
class Observed:
    """N feature differences of U users' reference pairs: ``difference`` (N, D), ``offset`` (N,), ``segment`` (N,)."""

    difference: Tensor
    offset: Tensor
    segment: Tensor
    users: int

    @classmethod
    def personal(cls, difference: Tensor, personal: int, pairs: PairBatch) -> Self:
        """Of basis differences (N, K) or (N, K + 1), of which the first ``personal`` = K have a weight per user.

        One more is that of a common reward: an offset.
        """
        offset = difference[:, personal:].sum(-1)  # (N,), 0 without a common reward
        return cls(difference[:, :personal], offset, pairs.segment, pairs.n_users)

    def parts(self, most: int) -> "Iterator[Observed]":
        """The same pairs, at most ``most`` users at a time, numbered from 0."""
        order = torch.argsort(self.segment, stable=True)
        bounds = torch.arange(0, self.users, most, device=order.device)
        starts = [*torch.searchsorted(self.segment[order], bounds).tolist(), len(order)]
        for number, first in enumerate(range(0, self.users, most)):
            rows = order[starts[number] : starts[number + 1]]
            segment = self.segment[rows] - first
            yield Observed(self.difference[rows], self.offset[rows], segment, min(most, self.users - first))


@dataclass(frozen=True)
class WeightPosterior:
    """N(mean, precision^-1) per user: mean (U, D), precision (U, D, D)."""

    mean: Tensor
    precision: Tensor

    @property
    def covariance(self) -> Tensor:
        """(U, D, D) inverse of the precision."""
        return torch.cholesky_inverse(torch.linalg.cholesky(self.precision))


@dataclass(frozen=True)
class KernelPosterior:
    """N(mean, S - F'F) per user, S the prior's covariance: mean (U, D), F = ``reduction`` (U, n, D)."""

    mean: Tensor
    reduction: Tensor


def fit_weights(
    observed: Observed, prior_mean: Tensor, prior_precision: Tensor, steps: int = NEWTON_STEPS
) -> WeightPosterior:
    """Newton's method on the weights. ``prior_mean`` (U, D), ``prior_precision`` (D, D) or (U, D, D)."""
    mean = prior_mean
    for _ in range(steps):
        gradient, curvature = likelihood_expansion(observed, mean)
        gradient = gradient - (prior_precision @ (mean - prior_mean).unsqueeze(-1)).squeeze(-1)  # (U,D)
        step = torch.linalg.solve(prior_precision + curvature, gradient)  # (U,D,D),(U,D) -> (U,D)
        mean = mean + _damping(observed, step).unsqueeze(-1) * step
    _, curvature = likelihood_expansion(observed, mean)
    return WeightPosterior(mean, prior_precision + curvature)


def likelihood_expansion(observed: Observed, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient (U, D) and negative Hessian (U, D, D) of the users' log-likelihoods at ``weights`` (U, D)."""
    gradient = torch.zeros_like(weights)
    curvature = weights.new_zeros(*weights.shape, weights.shape[1])
    for pairs, owner in _blocks(observed):
        margin = (pairs.difference @ weights[owner].unsqueeze(-1)).squeeze(-1) + pairs.offset  # (M,n,D)@(M,D,1)
        chance = torch.sigmoid(margin)
        pull = ((1 - chance) * pairs.real).unsqueeze(-2)  # (M,1,n)
        gradient.index_add_(0, owner, (pull @ pairs.difference).squeeze(-2))  # (M,1,n)@(M,n,D)
        weighted = (chance * (1 - chance) * pairs.real).unsqueeze(-1) * pairs.difference
        curvature.index_add_(0, owner, pairs.difference.mT @ weighted)  # (M,D,n)@(M,n,D)
    return gradient, curvature


def _blocks(observed: Observed) -> Iterator[tuple["Padded", Tensor]]:
    """M blocks of a few pairs of one user each, and the users (M,) they are of, so many blocks at a time.

    Sums over pairs become matrix products, and a user with many pairs does not pad all the others to their length.
    """
    place, count = places(observed.segment, observed.users)
    each = -(-count // PAIRS_PER_BLOCK)  # (U,) blocks
    block = (each.cumsum(0) - each)[observed.segment] + place // PAIRS_PER_BLOCK  # (N,)
    owner = torch.arange(observed.users, device=count.device).repeat_interleave(each)
    for first in range(0, len(owner), BLOCKS_PER_CHUNK):
        users = owner[first : first + BLOCKS_PER_CHUNK]
        rows = (block >= first) & (block < first + len(users))
        yield (
            Padded.of(Observed(observed.difference[rows], observed.offset[rows], block[rows] - first, len(users))),
            users,
        )


def _damping(observed: Observed, step: Tensor) -> Tensor:
    """(U,) factor that keeps a user's largest change of a margin within LONGEST_STEP."""
    change = (observed.difference * step[observed.segment]).sum(-1).abs()  # (N,) logit
    largest = change.new_zeros(observed.users).scatter_reduce_(0, observed.segment, change, "amax")
    return LONGEST_STEP / largest.clamp(min=LONGEST_STEP)


@dataclass(frozen=True)
class Padded:
    """Pairs of U users side by side: ``difference`` (U, n, D), ``offset`` and ``real`` (U, n); zeros where not real."""

    difference: Tensor
    offset: Tensor
    real: Tensor

    @classmethod
    def of(cls, observed: Observed) -> Self:
        """From flat rows, in any order."""
        difference, offset, real = (
            side_by_side(values, observed.segment, observed.users)[0]
            for values in (observed.difference, observed.offset, torch.ones_like(observed.segment, dtype=torch.bool))
        )
        return cls(difference, offset, real)


def fit_kernel(
    observed: Observed, prior_mean: Tensor, prior_covariance: Tensor, steps: int = NEWTON_STEPS
) -> KernelPosterior:
    """Newton's method over the pairs' margins. ``prior_mean`` (D,) or (U, D), ``prior_covariance`` (D, D)."""
    pairs = Padded.of(observed)
    spread = pairs.difference @ prior_covariance  # (U,n,D)@(D,D) -> (U,n,D)
    kernel = spread @ pairs.difference.mT  # (U,n,D)@(U,D,n) -> (U,n,n)
    start = (pairs.difference @ prior_mean.expand(observed.users, -1).unsqueeze(-1)).squeeze(-1) + pairs.offset  # (U,n)
    coefficient = torch.zeros_like(start)  # w = m + S delta' coefficient
    for _ in range(steps):
        margin = start + (kernel @ coefficient.unsqueeze(-1)).squeeze(-1)
        root, factor, chance = _kernel_factor(kernel, margin, pairs.real)
        target = root.square() * (margin - start) + (1 - chance) * pairs.real  # (U,n)
        inner = (root * (kernel @ target.unsqueeze(-1)).squeeze(-1)).unsqueeze(-1)
        newton = target - root * torch.cholesky_solve(inner, factor).squeeze(-1)
        change = (kernel @ (newton - coefficient).unsqueeze(-1)).abs().amax((1, 2))  # (U,) logit
        damping = (LONGEST_STEP / change.clamp(min=LONGEST_STEP)).unsqueeze(-1)
        coefficient = coefficient + damping * (newton - coefficient)
    margin = start + (kernel @ coefficient.unsqueeze(-1)).squeeze(-1)
    root, factor, _ = _kernel_factor(kernel, margin, pairs.real)
    mean = prior_mean + (coefficient.unsqueeze(-2) @ spread).squeeze(-2)  # (U,1,n)@(U,n,D) -> (U,D)
    reduction = torch.linalg.solve_triangular(factor, root.unsqueeze(-1) * spread, upper=False)  # (U,n,D)
    return KernelPosterior(mean, reduction)


def _kernel_factor(kernel: Tensor, margin: Tensor, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """sqrt(p(1-p)) (U, n), Cholesky factor of I + root K root (U, n, n), and p (U, n)."""
    chance = torch.sigmoid(margin)
    root = (chance * (1 - chance)).sqrt() * real
    inner = root.unsqueeze(-1) * kernel * root.unsqueeze(-2)
    return (
        root,
        torch.linalg.cholesky(inner + torch.eye(kernel.shape[-1], dtype=kernel.dtype, device=kernel.device)),
        chance,
    )


def log_posterior(observed: Observed, weights: Tensor, prior_mean: Tensor, prior_precision: Tensor) -> Tensor:
    """(U,) unnormalised log posterior density of ``weights`` (U, D), in nats: what both forms maximise."""
    margin = (observed.difference * weights[observed.segment]).sum(-1) + observed.offset  # (N,)
    away = (weights - prior_mean).unsqueeze(-2)  # (U,1,D)
    prior = -0.5 * (away @ prior_precision @ away.mT).flatten()  # (U,)
    return segment_sum(F.logsigmoid(margin), observed.segment, observed.users) + prior
