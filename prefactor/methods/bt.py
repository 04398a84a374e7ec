"""BT: one Bradley-Terry reward for everyone (Bradley and Terry 1952; VRF Eqs. 1 and 2)."""

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.methods.base import Shape, UserState
from prefactor.methods.basis import BasisParameters
from prefactor.methods.factorised import FactorisedReward
from prefactor.preferences import PairBatch


@dataclass(frozen=True)
class BTParameters:
    """The form of the one reward; ``basis.bases`` must be 1."""

    basis: BasisParameters = field(default_factory=lambda: BasisParameters(bases=1))

    def __post_init__(self) -> None:
        if self.basis.bases != 1:
            raise ValueError(f"BT has one reward for everyone: bases must be 1, got {self.basis.bases}")


class BT(FactorisedReward):
    """r(x, y) = phi(h) with K = 1, the same for every user."""

    name = "bt"
    Parameters = BTParameters

    def __init__(self, settings: BTParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings.basis, settings, shape, generator)

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        """-log sigmoid(r(y+) - r(y-)), mean over all pairs, reference pairs included."""
        self.train_noise(generator)
        return -F.logsigmoid(self.basis_differences(batch)).mean()

    def adapts_by_reward(self, seen: bool) -> bool:
        return False  # it does not adapt

    def adapt(self, reference: PairBatch) -> UserState:
        return UserState({"weight": torch.ones(reference.n_users, 1, device=reference.users.device)})

    def weights(self, users: UserState) -> Tensor:
        return users["weight"]
