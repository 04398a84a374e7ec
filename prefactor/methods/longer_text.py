"""Longer text: the longer response wins. What is learnt is only how sure to be of it."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from prefactor.methods.base import Shape
from prefactor.methods.impersonal import ImpersonalReward
from prefactor.methods.logistic import Observed, fit_weights
from prefactor.preferences import PairBatch, Responses
from prefactor.surface import FEATURES

SMALLEST_SCALE = 1e-3  # the longer text wins by a hair where the training pairs say it should lose
PRECISION = 1e-2  # of the prior over the scale: finite where the longer text always won


@dataclass(frozen=True)
class LongerTextParameters:
    """``unit`` of length."""

    unit: Literal["characters", "words"] = "characters"


class LongerText(ImpersonalReward):
    """r(x, y) = s log(1 + length of y), s > 0 fitted to all pairs of seen users; the same for every user."""

    name = "longer_text"
    Parameters = LongerTextParameters
    view = "surface"
    settings: LongerTextParameters

    def __init__(self, settings: LongerTextParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings, shape)
        self.scale = nn.Parameter(torch.ones(()))

    def fit(self, known: PairBatch) -> None:
        """One logistic regression on the difference of log lengths, by Newton's method."""
        length = self.length(known.responses).double()
        difference = (length[known.chosen] - length[known.rejected]).unsqueeze(-1)  # (N,1)
        everyone = Observed(difference, difference.new_zeros(len(known)), torch.zeros_like(known.segment), users=1)
        fitted = fit_weights(everyone, difference.new_zeros(1, 1), difference.new_full((1, 1), PRECISION))
        with torch.no_grad():
            self.scale.copy_(fitted.mean.squeeze().clamp(min=SMALLEST_SCALE))

    def length(self, responses: Responses) -> Tensor:
        """(T,) log(1 + length)."""
        return responses.views[self.view][:, FEATURES.index(self.settings.unit)]

    def score(self, responses: Responses) -> Tensor:
        return self.scale * self.length(responses)
