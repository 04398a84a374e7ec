"""The learnt variance of a reward: how much a user's judgement of a response scatters around its mean."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.basis import Basis, BasisParameters, Form

LEAST, MOST = -10.0, 8.0  # log-variance, whatever its network says: exp() stays a number that can be divided by
START = 0.1  # of the last layer's usual size: every variance starts near 1, and every layer has a gradient

Likelihood = Literal["pairs", "scores"]


@dataclass(frozen=True)
class NoiseParameters:
    """What is learnt beside a mean reward, and from what.

    variance          a log-variance is learnt; False is Det: variance 0
    variance_form     the form of its network, as phi's
    variance_floor    least log-variance, come near to smoothly; None for none but what numbers need
    likelihood        of ``pairs``, the choices, or of ``scores``, the differences of the scores that choices came from
    """

    variance: bool = True
    variance_form: Form = "linear"
    variance_floor: float | None = None
    likelihood: Likelihood = "pairs"

    def __post_init__(self) -> None:
        floor = self.variance_floor
        if floor is not None and not (math.isfinite(floor) and LEAST <= floor < MOST):
            raise ValueError(f"variance_floor must lie in [{LEAST:g}, {MOST:g}), or be null for none, got {floor}")
        if floor is not None and not self.variance:
            raise ValueError("variance_floor is about a learnt variance: set variance, or leave variance_floor out")


class Noise(nn.Module):
    """log s_u^2(y) = c(h) + lambda_u . psi(h): psi (K outputs) and c, the last output, are one network's.

    K is 0 where a variance is everyone's.
    """

    def __init__(self, settings: NoiseParameters, personal: int, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.personal = personal  # K
        self.floor = settings.variance_floor
        self.network = Basis(BasisParameters(settings.variance_form, personal + 1), width, generator)
        with torch.no_grad():
            self.network.last.weight.mul_(START)
            self.network.last.bias.mul_(START)

    def forward(self, states: Tensor) -> Tensor:
        """(T, H) -> (T, K + 1) psi and c."""
        return self.network(states)

    def variance(self, weights: Tensor, found: Tensor) -> Tensor:
        """Weights (N, K or more), the first K of them lambda_u, and psi and c (N, K + 1) to s_u^2 (N,).

        No gradient goes to the weights: lambda_u is fitted with variances held fixed, in training as for a new user.
        Weights that had learnt to serve the variance as well were not those that a new user's few pairs can tell.
        """
        mine = weights[:, : self.personal].detach()
        personal = (mine * found[:, : self.personal]).sum(-1)  # (N,K),(N,K) -> (N,)
        logarithm = found[:, self.personal] + personal
        if self.floor is not None:
            logarithm = self.floor + F.softplus(logarithm - self.floor)
        return logarithm.clamp(LEAST, MOST).exp()
