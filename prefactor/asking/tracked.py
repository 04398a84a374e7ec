"""A pool's margins kept from one answer to the next: what an answer changes of them is of rank one."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from prefactor.asking.belief import Margins, WeightBelief, pair_differences, weight_belief
from prefactor.asking.criteria import Criterion
from prefactor.asking.pool import Pool
from prefactor.asking.questions import best_row
from prefactor.methods.base import RewardModel, UserState

CELLS_AT_ONCE = 500_000  # of users, Gaussians and pairs


@dataclass(frozen=True)
class Tracked:
    """What is believed of U users' weights, and of the margins of N pairs: ``mean`` (U, K, N), ``variance`` (U, N).

    The filter moves a belief along a = S d alone, d the pair that was answered: each mean by a multiple of a, the
    covariance by one of a a'. A pair's margin moves by its a.d, so N R numbers of a user are read, not N R^2.
    """

    belief: WeightBelief
    difference: Tensor
    mean: Tensor
    variance: Tensor

    @classmethod
    def of(cls, model: RewardModel, nobody: UserState, pool: Pool) -> Self:
        """Of users who are all alike: nothing is known of them."""
        belief = weight_belief(model, nobody)
        difference = pair_differences(model, pool.basis(model), pool.first, pool.second)
        margins = belief.users(slice(0, 1)).margins(difference)
        users = len(belief)
        mean, variance = (
            values.repeat(users, *[1] * (values.dim() - 1)) for values in (margins.mean, margins.variance)
        )
        return cls(belief, difference, mean, variance)

    def best(self, criterion: Criterion, asked: Tensor) -> Tensor:
        """(U,) rows of the best pairs that were not ``asked`` (U, N)."""
        assert criterion.score is not None
        at_once = max(CELLS_AT_ONCE // self.mean[0].numel(), 1)
        rows = []
        for first in range(0, len(self.mean), at_once):
            some = slice(first, first + at_once)
            margins = Margins(self.belief.share[some], self.mean[some], self.variance[some], self.belief.lapse)
            rows.append(best_row(criterion.score(margins), asked[some]))
        return torch.cat(rows)

    def told(self, model: RewardModel, users: UserState, row: Tensor) -> Self:
        """After each user's answer to the pair in their row (U,), from the state that ``model`` then has of them.

        The margins are moved where they are: what was tracked before is no more.
        """
        after, live = weight_belief(model, users), self.belief.mean.shape[-1]
        own = self.difference[:, :live]
        along = (self.belief.covariance @ own[row].unsqueeze(-1)).squeeze(-1)  # (U,R) a
        size = along.square().sum(-1).clamp(min=torch.finfo(along.dtype).tiny)  # (U,)
        step = ((after.mean - self.belief.mean) @ along.unsqueeze(-1)).squeeze(-1) / size.unsqueeze(-1)  # (U,K)
        lost = along.unsqueeze(-2) @ (self.belief.covariance - after.covariance) @ along.unsqueeze(-1)
        shared = along @ own.T  # (U,R)@(R,N)
        mean = self.mean.add_(step.unsqueeze(-1) * shared.unsqueeze(1))
        variance = self.variance.sub_((lost.flatten() / size / size).unsqueeze(-1) * shared.square()).clamp_(min=0)
        return replace(self, belief=after, mean=mean, variance=variance)
