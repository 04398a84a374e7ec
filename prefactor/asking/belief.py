"""What a model believes of users' weights, as far as pairs of responses are judged by them.

A mixture of K Gaussians of one covariance over R weights: VRF's bases, with loadings; as VRF is published, a choice of
one of K unit vectors (its Eq. 7); PReF's posterior is one Gaussian.

It is the belief itself, as the next answer will move it, not the margins as they are calibrated: how sure a model
should be of a choice, which calibration mends, is not what its next update makes of the answer. Lapses count in both.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from prefactor.errors import InputError
from prefactor.methods.base import RewardModel, UserState
from prefactor.methods.filtering import Belief
from prefactor.methods.loadings import pooled
from prefactor.methods.pref import PReF
from prefactor.methods.vrf import BELIEF, VRF


@dataclass(frozen=True)
class Margins:
    """Reward differences of n pairs by each of U users: K Gaussians, in logits.

    share     (U, K) of the Gaussians
    mean      (U, K, n)
    variance  (U, n) of each, in squared logits
    lapse     share of answers given at random, whatever the rewards are
    """

    share: Tensor
    mean: Tensor
    variance: Tensor
    lapse: float

    def pooled(self) -> "Margins":
        """One Gaussian with the mean and the variance of all: it knows of no clusters."""
        share = self.share.unsqueeze(-1)  # (U,K,1)
        mean = (share * self.mean).sum(1)  # (U,n)
        between = (share * (self.mean - mean.unsqueeze(1)).square()).sum(1)
        return Margins(torch.ones_like(self.share[:, :1]), mean.unsqueeze(1), self.variance + between, self.lapse)


@dataclass(frozen=True)
class WeightBelief:
    """K Gaussians over the R weights of U users: ``share`` (U, K), ``mean`` (U, K, R), ``covariance`` (U, R, R).

    ``lapse`` is the share of answers that follow from no weight.
    """

    share: Tensor
    mean: Tensor
    covariance: Tensor
    lapse: float = 0.0

    def __len__(self) -> int:
        return len(self.share)

    @property
    def size(self) -> int:
        """Numbers that a user and a pair take while the pair is judged."""
        return max(self.mean.shape[1:])

    def users(self, rows: "slice | Tensor") -> Self:
        """The belief about some users."""
        return replace(self, share=self.share[rows], mean=self.mean[rows], covariance=self.covariance[rows])

    def margins(self, difference: Tensor) -> Margins:
        """Of n pairs (n, R) or, with a common reward's difference as the last column, (n, R + 1)."""
        own, common = self._split(difference)
        mean = self.mean @ own.T + common  # (U,K,R)@(R,n)
        variance = ((own @ self.covariance) * own).sum(-1)  # (n,R)@(U,R,R) -> (U,n)
        return Margins(self.share, mean, variance.clamp(min=0), self.lapse)

    def pooled(self) -> Self:
        """One Gaussian with the mixture's mean and covariance."""
        mean, covariance = pooled(self.share, self.mean, self.covariance)
        return replace(self, share=torch.ones_like(self.share[:, :1]), mean=mean.unsqueeze(1), covariance=covariance)

    def after(self, difference: Tensor) -> tuple[Tensor, Self]:
        """Each user's own pair, (U, R) or (U, R + 1), answered both ways: chances (U, 2) that the first, or the second
        response is preferred, and what is believed then, 2 U rows in the order of users and then of answers.

        One step of the filter (``methods.filtering``), by Bayes' rule for the shares.
        """
        own, common = self._split(difference)
        along = (self.covariance @ own.unsqueeze(-1)).squeeze(-1)  # (U,R) S d
        kappa = (1 + torch.pi / 8 * (along * own).sum(-1, keepdim=True)).rsqrt()  # (U,1)
        margin = (self.mean @ own.unsqueeze(-1)).squeeze(-1) + common.unsqueeze(-1)  # (U,K)
        choice = torch.sigmoid(torch.stack([kappa * margin, -kappa * margin], 1))  # (U,2,K)
        joint = self.share.unsqueeze(1) * choice  # (U,2,K)
        chance = joint.sum(-1)  # (U,2)
        share = joint / chance.unsqueeze(-1)
        told = kappa.square() * (share * choice * (1 - choice)).sum(-1)  # (U,2) r
        step = kappa.unsqueeze(-1) * (1 - choice) * choice.new_tensor([1.0, -1.0]).view(2, 1)  # (U,2,K)
        mean = self.mean.unsqueeze(1) + step.unsqueeze(-1) * along[:, None, None]  # (U,2,K,R)
        lost = told[..., None, None] * (along.unsqueeze(-1) * along.unsqueeze(-2)).unsqueeze(1)  # (U,2,R,R)
        covariance = self.covariance.unsqueeze(1) - lost
        return chance, type(self)(share.flatten(0, 1), mean.flatten(0, 1), covariance.flatten(0, 1), self.lapse)

    def _split(self, difference: Tensor) -> tuple[Tensor, Tensor]:
        """(n, R) of the user's own weights, and (n,) of the common reward, 0 where there is none."""
        live = self.mean.shape[-1]
        return difference[:, :live], difference[:, live:].sum(-1)


def weight_belief(model: RewardModel, users: UserState) -> WeightBelief:
    """What ``model`` believes of the users' weights. InputError for a method that keeps no doubt about them."""
    if isinstance(model, VRF):
        lapse = float(model.calibration.lapse)
        if model.loadings is None:
            return _of_bases(users["weight"], lapse)
        mean, covariance = model.loadings.weights(Belief(*(users[name] for name in BELIEF)))
        return WeightBelief(users["weight"], mean, covariance, lapse)
    if isinstance(model, PReF) and "covariance" in users.tensors:
        weight = users["weight"]
        return WeightBelief(torch.ones_like(weight[:, :1]), weight.unsqueeze(1), users["covariance"])
    raise InputError(f"{model.name} keeps no doubt about users' weights that an answer could lessen: ask vrf or pref")


def pair_differences(model: RewardModel, phi: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Basis rewards (T, F) to what a belief's margins read of N pairs, (N, R) or (N, R + 1)."""
    difference = phi[first] - phi[second]
    if not isinstance(model, VRF) or model.loadings is None:
        return difference
    return torch.cat([difference[:, : model.loadings.live], difference[:, model.features :]], -1)


def _of_bases(share: Tensor, lapse: float) -> WeightBelief:
    """A user's weight is one of the K unit vectors, and nothing about it is uncertain but which."""
    bases = share.shape[-1]
    mean = torch.eye(bases, dtype=share.dtype, device=share.device).expand(len(share), bases, bases)
    return WeightBelief(share, mean, torch.zeros_like(mean), lapse)
