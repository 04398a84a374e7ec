"""Rewards of standardised states: the input's scale and the source of dropout noise, whatever is built on them."""

import torch
from torch import Tensor

from prefactor.errors import InputError
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

    def reward_states(self, responses: Responses) -> Tensor:
        """(T, H) standardised states that the reward is a function of.

        Those of a fine-tuned backbone have the frozen ones' constants, so that before its first step nothing differs.
        """
        return self.scaler(self._tuned(responses)) if self.shape.tuned else self.scaled(responses)

    def both_states(self, responses: Responses) -> tuple[Tensor, Tensor]:
        """``scaled`` and ``reward_states``: one tensor twice unless the backbone is fine-tuned."""
        states = self.scaled(responses)
        return states, self.reward_states(responses) if self.shape.tuned else states

    def _tuned(self, responses: Responses) -> Tensor:
        if self.tuned_view not in responses.views:
            raise InputError(
                f"this {self.name} reads states of the backbone that was fine-tuned with it, but is given "
                f"{sorted(responses.views)}: give it its view {self.tuned_view!r}"
            )
        return responses.views[self.tuned_view]

    def train_noise(self, generator: torch.Generator) -> None:
        """Draw all dropout noise of the next steps from ``generator``."""
        for module in self.modules():
            if isinstance(module, Dropout):
                module.generator = generator
