"""What a user's pairs say of attributes: a direction that pairs add to, and its weights of length 1."""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from prefactor.decoding.drift.rewards import PairRewards
from prefactor.segments import segment_sum

LEAST = 1e-9  # nats: a direction shorter than this is what rounding leaves of pairs that contradict each other


@dataclass(frozen=True, eq=False)
class Direction:
    """W - L of U users, Drift Algorithm 1, in nats.

    ``total`` (U, A) is the sum of r(y+) - r(y-) over a user's pairs, ``pairs`` (U,) their number.
    """

    total: Tensor
    pairs: Tensor

    @classmethod
    def nothing(cls, users: int, like: Tensor) -> Self:
        """Of users without pairs; attributes, dtype and device are those of rewards ``like`` (..., A)."""
        count = torch.zeros(users, dtype=torch.long, device=like.device)
        return cls(like.new_zeros(users, like.shape[-1]), count)

    @classmethod
    def of(cls, pairs: PairRewards) -> Self:
        """Of all users at once."""
        return cls.nothing(pairs.users, pairs.chosen).update(pairs)

    def update(self, pairs: PairRewards) -> Self:
        """With more pairs, of any of the users: one addition, whatever came before."""
        count = torch.bincount(pairs.segment, minlength=pairs.users)
        return type(self)(self.total + segment_sum(pairs.difference, pairs.segment, pairs.users), self.pairs + count)

    @property
    def tells(self) -> Tensor:
        """(U,) True where pairs say anything: there are some, and they do not cancel."""
        return self.total.norm(dim=-1) > LEAST

    def weights(self, scale: Tensor | float = 1.0) -> Tensor:
        """(U, A) p = d / |d|, the one of length 1 that maximises d . p: Eq. (12). 0 where nothing is told.

        With ``scale`` (A,), in nats, d is of rewards in these units.
        """
        return unit(self.total / scale) * self.tells.unsqueeze(-1)

    def preference(self) -> Tensor:
        """(U, A) mean W - L per pair in nats, the bars of Figure 6; 0 without pairs."""
        return self.total / self.pairs.clamp(min=1).unsqueeze(-1)


def unit(vectors: Tensor) -> Tensor:
    """(U, A) vectors at length 1; 0 stays 0."""
    length = vectors.norm(dim=-1, keepdim=True)
    return vectors / torch.where(length > 0, length, 1.0)


def largest(weights: Tensor, kept: int | None) -> Tensor:
    """(U, A) True at the ``kept`` largest |p_i| of each user, all for None; of equals the first."""
    order = weights.abs().sort(dim=-1, descending=True, stable=True).indices
    return torch.zeros_like(weights, dtype=torch.bool).scatter_(-1, order[:, :kept], True)


def spread(difference: Tensor) -> Tensor:
    """(A,) standard deviation of rewards' differences (N, A), in nats; 1 where they never differ.

    Of each pair both ways round, so that it does not depend on what was chosen.
    """
    deviation = (difference.square().sum(0) / max(len(difference), 1)).sqrt()
    return torch.where(deviation > 0, deviation, 1.0)
