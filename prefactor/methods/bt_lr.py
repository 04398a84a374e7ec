"""BT+LR: a Bradley-Terry reward for everyone, and each user's ridge logistic regression on what it leaves open."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from prefactor.errors import InputError
from prefactor.methods.base import RewardModel, Shape
from prefactor.methods.bt import BT, BTParameters
from prefactor.methods.lr import LR, LRParameters
from prefactor.preferences import PairBatch, Responses


@dataclass(frozen=True)
class BTLRParameters(LRParameters):
    """``common`` is the first step's BT; ``ridge`` is of the prior over a user's deviation from it."""

    common: BTParameters = field(default_factory=BTParameters)


class BTLR(LR):
    """r_u = b(h) + w_u . h: b is fitted by the first step and stays, w_u ~ N(0, I / ridge). BT without pairs."""

    name = "bt_lr"
    Parameters = BTLRParameters
    settings: BTLRParameters

    def __init__(self, settings: BTLRParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings, shape, generator)
        self.first = BT(settings.common, shape, generator).requires_grad_(False)
        self.started = False

    def common(self, responses: Responses) -> Tensor:
        return self.first.basis(responses).squeeze(-1)  # (T,1) -> (T,) logit

    def first_step(self, generator: torch.Generator) -> RewardModel:
        """BT."""
        return BT(self.settings.common, self.shape, generator)

    def start_from(self, basis: RewardModel) -> None:
        assert isinstance(basis, BT)
        self.first.load_state_dict(basis.state_dict())
        self.started = True

    def fit(self, known: PairBatch) -> None:
        """Nothing but the first step is shared."""
        if not self.started:
            raise InputError("bt_lr needs a trained BT to start from: give it a basis_training, not null")
