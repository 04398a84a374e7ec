"""Rewards that are linear in features with Gaussian user weights: what LR, BT+LR and EB share."""

from abc import abstractmethod

import torch
from torch import Tensor

from prefactor.methods.base import Margin, RewardModel, UserState
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
        own, place = side_by_side(direction, segment, len(users))
        return Margin(mean, self._variance(users, own)[segment, place].clamp(min=0))

    def _variance(self, users: UserState, direction: Tensor) -> Tensor:
        """(U, m, D) directions, each user's own, to posterior variances (U, m) in squared logits."""
        if "covariance" in users.tensors:
            return ((direction @ users["covariance"]) * direction).sum(-1)  # (U,m,D)@(U,D,D)
        reduced = direction @ users["reduction"].mT  # (U,m,D)@(U,D,n) -> (U,m,n)
        return self.prior_variance(direction) - reduced.square().sum(-1)


def dense_state(posterior: WeightPosterior) -> UserState:
    """The state of users whose posterior is over few weights."""
    return UserState({"mean": posterior.mean, "covariance": posterior_covariance(posterior)})


def posterior_covariance(posterior: WeightPosterior) -> Tensor:
    """(U, D, D) inverse of the precision."""
    return torch.cholesky_inverse(torch.linalg.cholesky(posterior.precision))


def reduced_state(posterior: KernelPosterior) -> UserState:
    """The state of users whose posterior is over many weights."""
    return UserState({"mean": posterior.mean, "reduction": posterior.reduction})
