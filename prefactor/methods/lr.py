"""LR: a ridge logistic regression per user on the states, from scratch, sharing nothing between users."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.methods.base import ClosedForm, Shape, UserState
from prefactor.methods.linear import LinearReward, reduced_state
from prefactor.methods.logistic import fit_kernel
from prefactor.methods.standardised import StandardisedReward
from prefactor.methods.strength import choose_strength
from prefactor.preferences import PairBatch, Responses


@dataclass(frozen=True)
class LRParameters:
    """The prior over a user's weights on standardised states is N(0, I / ridge).

    With ``strength_chosen`` ridge is multiplied by the best of ``strength.STRENGTHS`` on held-out users.
    """

    ridge: float = 1.0
    strength_chosen: bool = False

    def __post_init__(self) -> None:
        if self.ridge <= 0:
            raise ValueError(f"ridge must be positive, got {self.ridge}: it is the precision of the prior over weights")


class LR(StandardisedReward, LinearReward, ClosedForm):
    """r_u = w_u . h with the MAP w_u of the user's own pairs and its Laplace posterior; indifferent without pairs."""

    name = "lr"
    Parameters = LRParameters
    settings: LRParameters
    strength: Tensor

    def __init__(self, settings: LRParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(True, settings, shape)
        self.register_buffer("strength", torch.ones(()))

    def fit(self, known: PairBatch) -> None:
        """Nothing is shared, so nothing is fitted before a user's pairs are there."""

    def features(self, responses: Responses) -> Tensor:
        """(T, H) standardised states."""
        return self.scaled(responses)

    def prior_variance(self, direction: Tensor) -> Tensor:
        return direction.square().sum(-1) / self.ridge

    @property
    def ridge(self) -> Tensor:
        """() precision of the prior."""
        return self.settings.ridge * self.strength

    def calibrate(self, known: Sequence[PairBatch], pairs: PairBatch) -> None:
        if self.settings.strength_chosen:
            choose_strength(self.strength, self, known, pairs)

    @torch.no_grad()
    def adapt(self, reference: PairBatch) -> UserState:
        """State: ``mean`` (U, H), ``reduction`` (U, n, H)."""
        observed = self.observed(reference)
        covariance = torch.eye(self.shape.width, device=observed.difference.device) / self.ridge
        return reduced_state(fit_kernel(observed, torch.zeros_like(covariance[0]), covariance))
