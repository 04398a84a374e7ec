"""Users' weights under bases that carry a loading: what ``methods.filtering`` finds, without anybody's covariance.

A user's (R, R) covariance is the prior's less what n pairs took off along n directions a_t. Of that only the diagonal
is wanted here, and where every direction starts from is the same for all users, so it is read once a text (``shelf``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.adaptation.pairs import UserPairs, Users
from prefactor.adaptation.shelf import Shelf
from prefactor.methods.filtering import Belief, Turns, take_turns
from prefactor.methods.loadings import Loadings, pooled
from prefactor.methods.logistic import Observed

USERS_PER_BLOCK = 2048  # side by side: enough that a turn is worth its calls
CELLS_PER_BLOCK = 2**21  # bounds the (u, n, n) of users with many pairs
NUMBERS_AT_ONCE = 2**20  # of differences, looked at and let go: they stay in a cache
USERS_WITH_COVARIANCE = 256  # at once, where those are asked for
MANY_PAIRS = 1_000  # of one user: a pair is looked at with all others of its user, so more of them go in turn


class Found(Protocol):
    """What the filter found of some users."""

    @property
    def evidence(self) -> Tensor:
        """(u, K) of the bases, in nats."""

    def pooled(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (u, R) of their weights and deviation (u, R) by their shares (u, K) of the bases."""


@dataclass(frozen=True)
class Believed:
    """Whole beliefs, covariances and all."""

    loadings: Loadings
    belief: Belief

    @property
    def evidence(self) -> Tensor:
        return self.belief.evidence

    def pooled(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        centre, covariance = pooled(weight, *self.loadings.weights(self.belief))
        return centre, covariance.diagonal(dim1=-2, dim2=-1).sqrt()


@dataclass(frozen=True)
class Prior:
    """The bases: ``mean`` (K, R), the diagonal ``variance`` (R,) around them, and whether pairs move users' weights."""

    mean: Tensor
    variance: Tensor
    refined: bool


@dataclass(frozen=True)
class Filtered:
    """What pairs (u, n, 2) told, turn by turn, of users who began as the ``prior``; ``spread`` is a shelf's."""

    prior: Prior
    turns: Turns
    spread: Tensor
    sides: Tensor

    @property
    def evidence(self) -> Tensor:
        return self.turns.evidence

    def pooled(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        if not self.prior.refined:
            centre = weight @ self.prior.mean
            return centre, _deviation(self.prior.variance, weight @ self.prior.mean.square(), centre)
        found = [self._pooled(rows, weight[rows]) for rows in _few(self.sides, self.prior)]
        centres, deviations = zip(*found, strict=True)
        return torch.cat(centres), torch.cat(deviations)

    def _pooled(self, users: slice, weight: Tensor) -> tuple[Tensor, Tensor]:
        turns, prior = self.turns.rows(users), self.prior
        moved = turns.moved(_differences(self.spread, self.sides[users]))  # (u,n,R)
        mean = torch.baddbmm(prior.mean.expand(len(weight), -1, -1), turns.step, moved)  # (u,K,R)
        told = torch.bmm(turns.told.unsqueeze(1), moved.square_()).squeeze(1)  # (u,1,n)@(u,n,R)
        shares = weight.unsqueeze(1)
        centre = torch.bmm(shares, mean).squeeze(1)  # (u,1,K)@(u,K,R)
        return centre, _deviation(prior.variance - told, torch.bmm(shares, mean.square_()).squeeze(1), centre)


class WeightFilter:
    """The filter of a trained model, over pairs whose texts were read onto a shelf.

    ``whole`` keeps users' beliefs, with their covariances.
    """

    def __init__(self, loadings: Loadings, whole: bool = False) -> None:
        self._loadings, self._whole = loadings, whole
        belief = loadings.prior(1)
        variance = belief.covariance[0].diagonal().contiguous()
        self._prior = Prior(belief.mean[0].contiguous(), variance, loadings.settings.refined)

    def blocks(self, pairs: UserPairs) -> list[Users]:
        """All users in blocks: those of nearly as many pairs together."""
        count, found, first = pairs.count, list[Users](), 0
        order = None if bool((count == count[:1]).all()) else torch.argsort(count, stable=True)
        count = count if order is None else count[order]
        while first < len(count):
            near = count[first : first + self._most(int(count[first]))]
            last = first + min(len(near), self._most(int(near[-1])))
            found.append(slice(first, last) if order is None else order[first:last])
            first = last
        return found

    def found(self, shelf: Shelf, pairs: UserPairs, users: Users) -> Found:
        """What the pairs of some users (u,) tell, in their order."""
        assert shelf.filter is not None and shelf.spread is not None
        if self._whole or int(pairs.of(users)[1].max()) > MANY_PAIRS:
            return Believed(self._loadings, self._believed(shelf.filter, pairs, users))
        return self._filtered(shelf.filter, shelf.spread, pairs, users)

    def _most(self, pairs: int) -> int:
        """How many users of so many pairs a block may have."""
        at_once = USERS_WITH_COVARIANCE if self._whole else USERS_PER_BLOCK
        return max(min(at_once, CELLS_PER_BLOCK // pairs**2), 1)

    def _filtered(self, table: Tensor, spread: Tensor, pairs: UserPairs, users: Users) -> Filtered:
        sides, real = pairs.side_by_side(users)
        number, longest, bases = *sides.shape[:2], len(self._prior.mean)
        along = table.new_empty(number, longest, longest)
        margin = table.new_empty(number, longest, bases)
        for rows in _few(sides, self._prior):
            read = _differences(table, sides[rows])  # (u,n,R+K)
            difference, margin[rows] = read[..., :-bases], read[..., -bases:]
            torch.bmm(_differences(spread, sides[rows]), difference.mT, out=along[rows])  # (u,n,R)@(u,R,n)
        none = table.new_zeros(number, bases)
        turns = take_turns(along, margin.mT, self._loadings.log_share, none, real)
        return Filtered(self._prior, turns, spread, sides)

    def _believed(self, table: Tensor, pairs: UserPairs, users: Users) -> Belief:
        """The belief about users of any number of pairs, some of them after the other."""
        start, count = pairs.of(users)
        belief = self._loadings.prior(len(count))
        for first in range(0, int(count.max()), MANY_PAIRS):
            here = (count - first).clamp(0, MANY_PAIRS)
            segment = torch.arange(len(count)).repeat_interleave(here)
            place = torch.arange(len(segment)) - (here.cumsum(0) - here)[segment]
            sides = pairs.sides[(start + first)[segment] + place]
            read, features = _differences(table, sides), self._prior.mean.shape[1]
            difference = read[:, :features]
            offset = read[:, features] - difference @ self._prior.mean[0]  # (N,R)@(R,) the common reward's
            belief = self._loadings.absorbed(belief, Observed(difference, offset, segment, len(count)))
        return belief


def _differences(table: Tensor, sides: Tensor) -> Tensor:
    """(..., D) of pairs (..., 2) by the rows of their texts."""
    return F.embedding_bag(sides.reshape(-1, 2), table, mode="sum").view(*sides.shape[:-1], -1)


def _few(sides: Tensor, prior: Prior) -> Iterator[slice]:
    """Users (u, n, 2) a few at a time, so that what is made of their pairs stays near."""
    users, pairs, _ = sides.shape
    bases, features = prior.mean.shape
    most = max(NUMBERS_AT_ONCE // (pairs * (2 * features + bases)), 1)
    yield from (slice(first, first + most) for first in range(0, users, most))


def _deviation(variance: Tensor, square: Tensor, centre: Tensor) -> Tensor:
    """(u, R) of a mixture: its parts' ``variance``, the mean ``square`` of their means, and the mean of these."""
    return (variance + square - centre.square()).clamp(min=0).sqrt()
