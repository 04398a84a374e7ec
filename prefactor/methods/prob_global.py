"""Prob and Det for everyone: one mean and one log-variance per response, whoever the user is (TTP)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.methods.base import Shape
from prefactor.methods.bt import BT, BTParameters
from prefactor.methods.prob_noise import NoiseParameters
from prefactor.methods.prob_reward import ProbabilisticReward
from prefactor.preferences import PairBatch


@dataclass(frozen=True)
class ProbGlobalParameters(NoiseParameters, BTParameters):
    """BT's and those of the variance."""

    def __post_init__(self) -> None:
        NoiseParameters.__post_init__(self)
        BTParameters.__post_init__(self)


class ProbGlobal(ProbabilisticReward, BT):
    """mu = b(h) and log s^2 = c(h)."""

    name = "prob_global"
    Parameters = ProbGlobalParameters
    settings: ProbGlobalParameters

    def __init__(self, settings: ProbGlobalParameters, shape: Shape, generator: torch.Generator) -> None:
        BT.__init__(self, settings, shape, generator)
        self.add_noise(0, generator)

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        """-log likelihood, mean over all pairs, reference pairs included."""
        self.train_noise(generator)
        everyone = torch.ones(batch.n_users, 1, device=batch.users.device)
        return self.pair_losses(self.difference(everyone, batch), batch).mean()


@dataclass(frozen=True)
class DetGlobalParameters(ProbGlobalParameters):
    """Prob's without a variance."""

    variance: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variance:
            raise ValueError("det_global is prob_global without a variance: leave variance out, or train prob_global")


class DetGlobal(ProbGlobal):
    """ProbGlobal with variance 0: BT."""

    name = "det_global"
    drawn_as = "prob_global"
    Parameters = DetGlobalParameters
