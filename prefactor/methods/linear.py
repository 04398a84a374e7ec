"""Rewards that are linear in features with Gaussian user weights: what LR, BT+LR and EB share."""

from abc import abstractmethod

import torch
from torch import Tensor

from prefactor.methods.base import Margin, RewardModel, UserState
from prefactor.methods.gaussians import variance_along
from prefactor.methods.logistic import KernelPosterior, Observed, WeightPosterior
from prefactor.preferences import PairBatch, Responses
from prefactor.segments import segment_mean, side_by_side


class LinearReward(RewardModel):
    """r_u(x, y) = common(h) + w_u . f(h), where w_u is Gaussian given the user's pairs.

    A user's state is ``mean`` (U, D) of w_u and its covariance: as it is, ``covariance`` (U, D, D), or, where D is
    large, as what the n pairs took away from the prior's covariance S: ``reduction`` (U, n, D), S - F'F.
    """

    @abstractmethod
    def features(self, responses: Responses) -> Tensor:
        """(T, D) what user weights act on."""

    def common(self, responses: Responses) -> Tensor:
        """(T,) the reward that all users share, in logits."""
        return torch.zeros(len(responses), device=responses.text.device)

    def prior_variance(self, direction: Tensor) -> Tensor:
        """(..., D) to (...,): variance along a direction before any pair; needed where states keep a reduction."""
        raise NotImplementedError(f"{self.name} keeps whole covariances")

    def observed(self, reference: PairBatch) -> Observed:
        """Reference pairs as logistic regressions, with the common reward as offset."""
        reference = reference.compact()
        features, common = self.features(reference.responses), self.common(reference.responses)
        return Observed(
            difference=features[reference.chosen] - features[reference.rejected],  # (N,D)
            offset=common[reference.chosen] - common[reference.rejected],  # (N,) logit
            segment=reference.segment,
            users=reference.n_users,
        )

    def reward(self, users: UserState, responses: Responses, segment: Tensor) -> Tensor:
        own = (users["mean"][segment] * self.features(responses)).sum(-1)  # (T,D),(T,D) -> (T,) logit
        return self.common(responses) + own

    def compare(self, users: UserState, pairs: PairBatch) -> Margin:
        found = self.observed(pairs)
        return self._margin(users, found.difference, found.offset, found.segment)

    def against_mean(self, users: UserState, responses: Responses, segment: Tensor) -> Margin:
        features, common = self.features(responses), self.common(responses)
        centred = features - segment_mean(features, segment, len(users))[segment]  # (T,D)
        return self._margin(users, centred, common - segment_mean(common, segment, len(users))[segment], segment)

    def _margin(self, users: UserState, direction: Tensor, offset: Tensor, segment: Tensor) -> Margin:
        """Directions (N, D) in feature space and common differences (N,) to margins."""
        mean = offset + (users["mean"][segment] * direction).sum(-1)  # (N,) logit
        return Margin(mean, self._variance(users, direction, segment))

    def _variance(self, users: UserState, direction: Tensor, segment: Tensor) -> Tensor:
        """Posterior variances (N,) along directions (N, D), in squared logits."""
        if "covariance" in users.tensors:
            return variance_along(direction, users["covariance"], segment)
        own, place = side_by_side(direction, segment, len(users))
        reduced = own @ users["reduction"].mT  # (U,n,D)@(U,D,m) -> (U,n,m)
        return (self.prior_variance(own) - reduced.square().sum(-1))[segment, place].clamp(min=0)


def dense_state(posterior: WeightPosterior) -> UserState:
    """The state of users whose posterior is over few weights."""
    return UserState({"mean": posterior.mean, "covariance": posterior.covariance})


def reduced_state(posterior: KernelPosterior) -> UserState:
    """The state of users whose posterior is over many weights."""
    return UserState({"mean": posterior.mean, "reduction": posterior.reduction})
