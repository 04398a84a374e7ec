"""Longer text: the longer response wins. What is learnt is only how sure to be of it."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from prefactor.methods.base import Shape
from prefactor.methods.impersonal import MeasuredReward
from prefactor.preferences import Responses
from prefactor.surface import FEATURES


@dataclass(frozen=True)
class LongerTextParameters:
    """``unit`` of length."""

    unit: Literal["characters", "words"] = "characters"


class LongerText(MeasuredReward):
    """r(x, y) = s log(1 + length of y), s > 0 fitted to all pairs of seen users; the same for every user."""

    name = "longer_text"
    Parameters = LongerTextParameters
    view = "surface"
    smallest_scale = 1e-3
    settings: LongerTextParameters

    def __init__(self, settings: LongerTextParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings, shape)

    def measure(self, responses: Responses) -> Tensor:
        """(T,) log(1 + length)."""
        return responses.views[self.view][:, FEATURES.index(self.settings.unit)]
