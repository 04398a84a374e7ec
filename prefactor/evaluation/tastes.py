"""A personal model cheap enough for hundreds of refits: Gaussian tastes whose covariance is learnt by moments.

Coordinates are those in which a pair says as much of a deviation in any direction, sum_i p_i (1 - p_i) d_i d_i' = N I,
with p_i by the common reward. There a user's score s_u = sum_i (1 - p_i) d_i has mean n_u v_u to first order in the
user's deviation v_u ~ N(0, S), and products of different units' scores have mean S:

    W = (sum_u s_u s_u' - sum_units q q') / sum_u (n_u^2 - sum_units n^2)

What chance adds to W's eigenvalues is a semicircle of radius e; of an eigenvalue l as much is kept as is best in mean
square, sqrt(l^2 - e^2) (deformed Wigner matrices: Benaych-Georges and Nadakuditi 2011). What the other eigenvalues hold
on average is spread evenly over them. Where texts come back in a user's pairs, what is odd about one rating lifts all
eigenvalues alike: by as much as W's trace exceeds that of products across the sides, which share no text.

S is learnt from other users than it is used for, from both sides and from pairs across them. The leading directions
alone have a weight per user, found by Newton's method from the user's pairs of one side, so that fits are small.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.evaluation.accuracy import correct
from prefactor.methods.logistic import Observed, Padded, fit_weights
from prefactor.segments import segment_mean, segment_sum

COMMON_SPREAD = 1.0  # prior standard deviation of the common reward's margin, in logits
LEAST_INFORMATION = 1e-6  # in any direction, relative to the mean over directions
FOLDS = 5  # of users
LEAST_SPREAD = 1.0  # of the personal margin a priori, in logits: few users' moments may by chance be none at all
DIRECTIONS = 24  # that a user has a weight for, at most
STEPS = 2  # of Newton's method from no deviation
ACROSS = 2  # where the pairs across the sides are counted


@dataclass(frozen=True)
class SidedPairs:
    """N pairs of U users on two sides: ``difference`` (N, D), ``user``, ``side`` and ``unit`` (N,).

    A side is 0 or 1, or -1 for a pair across them, which helps to learn how users differ, of other users. A unit is
    what must stay together: the pairs of one user's group on one side.
    """

    difference: Tensor
    user: Tensor
    side: Tensor
    unit: Tensor
    users: int

    @property
    def scored(self) -> Tensor:
        """(N,) whether a pair is on a side."""
        return self.side >= 0


@dataclass(frozen=True)
class Prepared:
    """What stays as it is however pairs are dealt out: N pairs in M units.

    ``direction`` (N, D) in coordinates of equal information; ``own`` and ``other`` (N,) the common reward's margin, in
    logits, by the pair's own side and by the other; ``score`` (M, D) and ``size`` (M,) of each unit, its ``place``
    among sides, and ``alone`` (D, D), the sum of the units' products with themselves.
    """

    direction: Tensor
    own: Tensor
    other: Tensor
    score: Tensor
    size: Tensor
    place: Tensor
    alone: Tensor


@dataclass(frozen=True)
class Fit:
    """What the personal model gains per user: log loss (U,) in nats, accuracy (U,).

    ``reliability`` is the correlation of the two sides' personal margins over users and pairs, each pair counted for
    what it can say. ``scale`` is the prior's that gained most.
    """

    log_loss: Tensor
    accuracy: Tensor
    reliability: float
    scale: float


def prepare(pairs: SidedPairs) -> Prepared:
    """Fit the common reward and find the coordinates."""
    margins = pairs.difference @ common_reward(pairs).T  # (N,D)@(D,2)
    first = pairs.side.clamp(min=0).unsqueeze(-1)
    own, other = margins.gather(1, first).squeeze(-1), margins.gather(1, 1 - first).squeeze(-1)
    own = torch.where(pairs.scored, own, margins.mean(-1))
    chance = torch.sigmoid(own)
    open_ = (chance * (1 - chance)).unsqueeze(-1)
    information = (pairs.difference.T @ (open_ * pairs.difference)).double() / len(own)  # (D,N)@(N,D)
    level = information.diagonal().mean()
    root = torch.linalg.cholesky(information + LEAST_INFORMATION * level * torch.eye(len(information)))
    direction = torch.linalg.solve_triangular(root, pairs.difference.T.double(), upper=False).T.float().contiguous()
    unit = torch.unique(pairs.unit, return_inverse=True)[1]
    units = int(unit.max()) + 1
    score = segment_sum((1 - chance).unsqueeze(-1) * direction, unit, units)  # (M,D)
    place = torch.zeros(units, dtype=torch.int64).index_copy_(0, unit, torch.where(pairs.scored, pairs.side, ACROSS))
    return Prepared(direction, own, other, score, torch.bincount(unit).float(), place, score.T @ score)


def common_reward(pairs: SidedPairs) -> Tensor:
    """(2, D) weights of the reward that all users share, fitted on each side."""
    width, on = pairs.difference.shape[1], pairs.scored
    seen = Observed(pairs.difference[on], torch.zeros(int(on.sum())), pairs.side[on], 2)
    return fit_weights(seen, torch.zeros(2, width), width / COMMON_SPREAD**2 * torch.eye(width)).mean


def fit(pairs: SidedPairs, known: Prepared, scales: tuple[float, ...]) -> Fit:
    """Fit every user on each side, score them on the other, with what other users' tastes are like.

    Of priors with the covariance times the squares of ``scales``, the one that gains most counts. No fit has seen the
    pairs that it is scored on, but for the common reward that others' scores start from.
    """
    fold = torch.arange(pairs.users) % FOLDS
    moments = Moments.of(pairs, known)
    figures = torch.zeros(5, len(scales), pairs.users, dtype=torch.float64)
    for number in fold.unique():
        basis = moments.tastes(fold != number)
        figures[:, :, fold == number] = _scored(pairs, known, basis, scales, (fold == number).nonzero().flatten())
    best = int(figures[0].mean(1).argmax())
    gain, right, product, first, second = figures[:, best]  # (5,S,U) -> (5,U)
    size = (first.sum() * second.sum()).sqrt().clamp(min=1e-12)
    return Fit(gain, right, float(product.sum() / size), scales[best])


@dataclass(frozen=True)
class Moments:
    """U users' scores ``sums`` (3, U, D) and numbers of pairs ``counts`` (3, U) by side, the third across them.

    ``squares`` (U,) sums the squared numbers of pairs of the user's units; ``alone`` (D, D) is as in ``Prepared``.
    """

    sums: Tensor
    counts: Tensor
    squares: Tensor
    alone: Tensor

    @classmethod
    def of(cls, pairs: SidedPairs, known: Prepared) -> "Moments":
        """By whoever has the units now."""
        unit = torch.unique(pairs.unit, return_inverse=True)[1]
        owner = torch.zeros_like(known.place).index_copy_(0, unit, pairs.user)  # (M,)
        where = owner + pairs.users * known.place
        sums, counts = (segment_sum(values, where, 3 * pairs.users) for values in (known.score, known.size))
        squares = segment_sum(known.size.square(), owner, pairs.users)
        return cls(sums.view(3, pairs.users, -1), counts.view(3, -1), squares, known.alone)

    def tastes(self, users: Tensor) -> Tensor:
        """(D, R) leading directions of the users' tastes, each as long as the tastes' standard deviation along it.

        ``users`` (U,) says whose. The units' products with themselves are taken to be spread evenly over pairs.
        """
        sums, counts = self.sums[:, users], self.counts[:, users]
        whole, number, width = sums.sum(0), counts.sum(0), sums.shape[-1]
        products = (number.square() - self.squares[users]).sum().clamp(min=1)
        square = whole.T @ whole - self.alone * (number.sum() / self.counts.sum())  # (D,U)@(U,D)
        values, vectors = torch.linalg.eigh(square.double() / products)
        trace = (sums[0] * sums[1]).sum() / (counts[0] * counts[1]).sum().clamp(min=1)
        values = values - (values.sum() - trace) / width
        radius = 2 * (width / products).sqrt()
        kept = (values.clamp(min=0).square() - radius.square()).clamp(min=0).sqrt()
        kept = kept + ((trace - kept.sum()) / width).clamp(min=0)
        kept = kept.clamp(min=LEAST_SPREAD**2 / (4 * width))  # a pair that is open has information 1/4
        return (vectors * kept.sqrt()).float()[:, -DIRECTIONS:]


def _scored(pairs: SidedPairs, known: Prepared, basis: Tensor, scales: tuple[float, ...], users: Tensor) -> Tensor:
    """(5, S, u) per scale and user: gains in log loss and accuracy; products of the sides' weights, of each's own."""
    place = torch.full((pairs.users,), -1).index_copy_(0, users, torch.arange(len(users)))[pairs.user]
    rows = ((place >= 0) & pairs.scored).nonzero().flatten()
    place, side, other = place[rows], pairs.side[rows], known.other[rows]
    along = known.direction[rows] @ basis  # (n,D)@(D,R)
    observed = Observed(along, known.own[rows], place + len(users) * side, 2 * len(users))
    stretch = basis.square().sum(0)  # (R,)
    figures = []
    for weights in deviations(observed, scales):  # (2u,R)
        personal = (along * weights[place + len(users) * (1 - side)]).sum(-1)  # (n,) logit, from the other side
        gain = F.logsigmoid(other + personal) - F.logsigmoid(other)
        right = correct(other + personal) - correct(other)
        first, second = weights.chunk(2)
        products = [(stretch * one * two).sum(-1) for one, two in ((first, second), (first, first), (second, second))]
        means = [segment_mean(values.double(), place, len(users)) for values in (gain, right)]
        figures.append(torch.stack([*means, *(product.double() for product in products)]))
    return torch.stack(figures, 1)


def deviations(observed: Observed, scales: tuple[float, ...]) -> Iterator[Tensor]:
    """(U, R) weights of every user's deviation from the offset, with prior N(0, scale^2 I), for each scale.

    A few steps of Newton's method from no deviation at all; all scales share the first step's expansion.
    """
    pairs = Padded.of(observed)
    start = pairs.difference.new_zeros(observed.users, pairs.difference.shape[-1])
    at_start = _expansion(pairs, start)
    for scale in scales:
        precision, weights = torch.eye(start.shape[1]) / scale**2, start
        for step in range(STEPS):
            slope, curvature = _expansion(pairs, weights) if step else at_start
            factor = torch.linalg.cholesky(curvature + precision)
            slope = (slope - weights / scale**2).unsqueeze(-1)
            weights = weights + torch.cholesky_solve(slope, factor).squeeze(-1)
        yield weights


def _expansion(pairs: Padded, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Gradient (U, R) and negative Hessian (U, R, R) of the users' log-likelihoods at ``weights`` (U, R)."""
    chance = torch.sigmoid((pairs.difference @ weights.unsqueeze(-1)).squeeze(-1) + pairs.offset)  # (U,n,R)@(U,R,1)
    slope = pairs.difference.mT @ ((1 - chance) * pairs.real).unsqueeze(-1)  # (U,R,n)@(U,n,1)
    weighted = pairs.difference * (chance * (1 - chance) * pairs.real).unsqueeze(-1)
    return slope.squeeze(-1), pairs.difference.mT @ weighted  # (U,R,n)@(U,n,R)
