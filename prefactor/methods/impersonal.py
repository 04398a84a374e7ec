"""Rewards that are the same for every user and certain: what item mean and longer text share."""

from abc import abstractmethod

import torch
from torch import Tensor

from prefactor.methods.base import ClosedForm, Margin, UserState
from prefactor.preferences import PairBatch, Responses
from prefactor.segments import segment_mean


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


def _certain(mean: Tensor) -> Margin:
    return Margin(mean, torch.zeros_like(mean))
