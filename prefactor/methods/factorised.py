"""Factorised rewards r_u = w_u . phi(h) (VRF Eq. 3): user weights times basis rewards shared by all users."""

from abc import abstractmethod

import torch
from torch import Tensor

from prefactor.methods.base import Margin, Shape, UserState
from prefactor.methods.basis import Basis, BasisAndCommon, BasisParameters, CommonParameters
from prefactor.methods.standardised import StandardisedReward
from prefactor.preferences import PairBatch, Responses
from prefactor.segments import segment_mean

BASIS = "basis"  # the view of responses that have been read


class FactorisedReward(StandardisedReward):
    """A reward that is a user weight times shared basis rewards; the subclass says where weights come from.

    ``probabilistic`` methods treat the basis as a random choice with probabilities w_u, which gives a reward
    difference its variance (VRF Eq. 7); the others have variance 0.
    """

    probabilistic = False

    def __init__(
        self,
        basis: BasisParameters,
        settings: object,
        shape: Shape,
        generator: torch.Generator,
        common: CommonParameters | None = None,
    ) -> None:
        """``common`` is a network of its own for one more output, a reward for everyone."""
        super().__init__(basis.standardise, settings, shape)
        self.basis_settings = basis
        self.phi = (
            Basis(basis, shape.width, generator)
            if common is None
            else BasisAndCommon(basis, common.form, shape.width, generator)
        )

    @abstractmethod
    def weights(self, users: UserState) -> Tensor:
        """(U, K) weights of the users' bases."""

    def basis(self, responses: Responses) -> Tensor:
        """(T, K) basis rewards in logits."""
        return self.phi(self.reward_states(responses))

    def basis_differences(self, pairs: PairBatch) -> Tensor:
        """(N, K) dphi = phi(h+) - phi(h-); phi runs once per unique response."""
        return self.differences(self.basis(pairs.responses), pairs)

    @staticmethod
    def differences(phi: Tensor, pairs: PairBatch) -> Tensor:
        """Basis rewards (T, K) of a batch's responses to their differences (N, K) over its pairs."""
        return phi[pairs.chosen] - phi[pairs.rejected]

    def margin(self, weights: Tensor, difference: Tensor) -> Margin:
        """VRF Eq. (7): weights (N, K) and basis differences (N, K) to mean and variance (N,)."""
        mean = (weights * difference).sum(-1)  # (N,K),(N,K) -> (N,) logit
        if not self.probabilistic:
            return Margin(mean, torch.zeros_like(mean))
        spread = (difference - mean.unsqueeze(-1)).square()  # (N,K)
        return Margin(mean, (weights * spread).sum(-1))

    def reward(self, users: UserState, responses: Responses, segment: Tensor) -> Tensor:
        return (self.weights(users)[segment] * self.basis(responses)).sum(-1)  # (T,K),(T,K) -> (T,) logit

    def judge(self, users: UserState, segment: Tensor, difference: Tensor) -> Margin:
        """Margins (N,) of basis differences (N, K), each judged by the user in its ``segment`` (N,)."""
        return self.margin(self.weights(users)[segment], difference)

    def compare(self, users: UserState, pairs: PairBatch) -> Margin:
        return self.judge(users, pairs.segment, self.basis_differences(pairs))

    def against_mean(self, users: UserState, responses: Responses, segment: Tensor) -> Margin:
        return self.against_mean_of(users, self.read(responses), segment)

    def read(self, responses: Responses) -> Responses:
        """Their basis rewards (T, K)."""
        return Responses({BASIS: self.basis(responses)}, responses.text)

    def against_mean_of(self, users: UserState, read: Responses, segment: Tensor) -> Margin:
        phi = read.views[BASIS]  # (T,K)
        return self.judge(users, segment, phi - segment_mean(phi, segment, len(users))[segment])
