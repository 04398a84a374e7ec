"""PAL: users as ideal points among shared prototypes (Chen et al. 2025)."""

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.simplex import AdaptationParameters, SimplexReward
from prefactor.preferences import Responses

PROTOTYPE_SPREAD = 0.5  # about the standard deviation of a fresh projection's outputs
ANGLE_SCALE = 10.0  # at the start: cosines of random points differ by tenths, logits by ones
SMALLEST_NORM = 1e-6


@dataclass(frozen=True)
class PALParameters:
    """What an ideal point is and how near a response comes to it.

    projection    f: R^H -> R^d; its ``bases`` is d
    prototypes    K
    form          ``distance``: -||f(h) - a_u||^2, or ``angle``: the cosine of f(h) and a_u times a learnt scale
    """

    projection: BasisParameters = field(default_factory=lambda: BasisParameters(bases=64))
    prototypes: int = 8
    form: Literal["distance", "angle"] = "distance"
    adaptation: AdaptationParameters = field(default_factory=AdaptationParameters)

    def __post_init__(self) -> None:
        if self.prototypes < 1:
            raise ValueError(f"prototypes must be at least 1, got {self.prototypes}")


class PAL(SimplexReward):
    """Ideal point a_u = sum_k w_uk P_k; f is ``phi``, the prototypes P are (K, d).

    Both forms are factorised exactly. ``distance``: -||f - a||^2 = 2 sum_k w_k (f . P_k) - ||f||^2 - ||a||^2, and the
    last term is a constant of the user; so the basis rewards are 2 f . P_k, and -||f||^2 with weight 1.
    ``angle``: basis rewards scale * (f / ||f||) . P_k with weights w_k / ||a||.
    """

    name = "pal"
    Parameters = PALParameters
    settings: PALParameters

    def __init__(self, settings: PALParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings.prototypes, settings.adaptation, settings.projection, settings, shape, generator)
        drawn = torch.randn(settings.prototypes, settings.projection.bases, generator=generator)
        self.prototypes = nn.Parameter(PROTOTYPE_SPREAD * drawn)
        if settings.form == "angle":
            self.log_scale = nn.Parameter(torch.tensor(math.log(ANGLE_SCALE)))

    def basis(self, responses: Responses) -> Tensor:
        """(T, K + 1) basis rewards of the distance form, (T, K) of the angle form, in logits."""
        points = super().basis(responses)  # (T,d)
        if self.settings.form == "angle":
            directions = F.normalize(points, dim=-1, eps=SMALLEST_NORM)
            return self.log_scale.exp() * directions @ self.prototypes.T  # (T,d)@(d,K)
        return torch.cat([2 * points @ self.prototypes.T, -points.square().sum(-1, keepdim=True)], -1)

    def ideal_points(self, weight: Tensor) -> Tensor:
        """a_u: weights (U, K) to points (U, d)."""
        return weight @ self.prototypes  # (U,K)@(K,d)

    def on_bases(self, weight: Tensor) -> Tensor:
        if self.settings.form == "angle":
            return weight / self._norm(weight)
        return torch.cat([weight, torch.ones_like(weight[:, :1])], -1)

    def through_bases(self, weight: Tensor, slope: Tensor) -> Tensor:
        if self.settings.form == "distance":
            return slope[:, :-1]
        norm = self._norm(weight)
        turned = self.ideal_points(weight) @ self.prototypes.T  # (U,d)@(d,K): ||a|| times its gradient
        return slope / norm - (slope * weight).sum(-1, keepdim=True) * turned / norm**3

    def _norm(self, weight: Tensor) -> Tensor:
        """(U, 1) ||a_u||."""
        return self.ideal_points(weight).norm(dim=-1, keepdim=True).clamp(min=SMALLEST_NORM)
