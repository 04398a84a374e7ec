"""Rewards of standardised states: the input's scale and the source of dropout noise, whatever is built on them."""

import torch
from torch import Tensor

from prefactor.methods.base import RewardModel, Shape
from prefactor.methods.basis import Dropout, Standardise
from prefactor.preferences import Responses


class StandardisedReward(RewardModel):
    """A reward that reads its feature view scaled per dimension; ``scale_input`` False leaves the scale as it is."""

    def __init__(self, scale_input: bool, settings: object, shape: Shape) -> None:
        super().__init__(settings, shape)
        self.scale_input = scale_input
        self.scaler = Standardise(shape.width)

    def standardise(self, responses: Responses) -> None:
        if self.scale_input:
            self.scaler.fit(responses.views[self.view])

    def scaled(self, responses: Responses) -> Tensor:
        """(T, H) standardised states."""
        return self.scaler(responses.views[self.view])

    def train_noise(self, generator: torch.Generator) -> None:
        """Draw all dropout noise of the next steps from ``generator``."""
        for module in self.modules():
            if isinstance(module, Dropout):
                module.generator = generator
