"""Rewards that are the same for every user and certain: what item mean, longer text and Ref share."""

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from prefactor.methods.base import ClosedForm, Margin, Shape, UserState
from prefactor.methods.logistic import Observed, fit_weights
from prefactor.preferences import PairBatch, Responses
from prefactor.segments import segment_mean

PRECISION = 1e-2  # of the prior over a scale: finite where the larger measure always won


class ImpersonalReward(ClosedForm):
    """r(x, y) for everyone: a user's pairs change nothing, and no difference has a variance."""

    @abstractmethod
    def score(self, responses: Responses) -> Tensor:
        """(T,) rewards in logits."""

    def adapt(self, reference: PairBatch) -> UserState:
        """The weight of the one reward: 1."""
        return UserState({"weight": torch.ones(reference.n_users, 1, device=reference.users.device)})

    def reward(self, users: UserState, responses: Responses, segment: Tensor) -> Tensor:
        return self.score(responses)

    def compare(self, users: UserState, pairs: PairBatch) -> Margin:
        score = self.score(pairs.responses)
        return _certain(score[pairs.chosen] - score[pairs.rejected])

    def against_mean(self, users: UserState, responses: Responses, segment: Tensor) -> Margin:
        score = self.score(responses)
        return _certain(score - segment_mean(score, segment, len(users))[segment])


class MeasuredReward(ImpersonalReward):
    """r(x, y) = s m(x, y) for a measure m of a response; s > 0 is fitted to all pairs of seen users.

    Which response is preferred is m's say alone; what is learnt is how sure to be of it. With ``scaled`` False
    nothing is: s = 1.
    """

    smallest_scale: ClassVar[float]  # the larger measure wins by a hair where the training pairs say it should lose

    def __init__(self, settings: Any, shape: Shape, scaled: bool = True) -> None:
        super().__init__(settings, shape)
        self.scale = nn.Parameter(torch.ones(()), requires_grad=scaled)

    @abstractmethod
    def measure(self, responses: Responses) -> Tensor:
        """(T,) m of each response."""

    def fit(self, known: PairBatch) -> None:
        """One logistic regression on the difference of measures, by Newton's method."""
        if not self.scale.requires_grad:
            return
        measured = self.measure(known.responses).double()
        difference = (measured[known.chosen] - measured[known.rejected]).unsqueeze(-1)  # (N,1)
        everyone = Observed(difference, difference.new_zeros(len(known)), torch.zeros_like(known.segment), users=1)
        fitted = fit_weights(everyone, difference.new_zeros(1, 1), difference.new_full((1, 1), PRECISION))
        with torch.no_grad():
            self.scale.copy_(fitted.mean.squeeze().clamp(min=self.smallest_scale))

    def score(self, responses: Responses) -> Tensor:
        return self.scale * self.measure(responses)


def _certain(mean: Tensor) -> Margin:
    return Margin(mean, torch.zeros_like(mean))
