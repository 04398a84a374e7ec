"""LoRe: low-rank rewards with free simplex weights per user (Bose et al. 2025)."""

from dataclasses import dataclass, field

import torch

from prefactor.methods.base import Shape
from prefactor.methods.basis import BasisParameters
from prefactor.methods.simplex import AdaptationParameters, SimplexReward


@dataclass(frozen=True)
class LoReParameters:
    """``basis.form`` linear is the paper's V in R^{H x B}; mlp is VRF's reading of the baseline."""

    basis: BasisParameters = field(default_factory=lambda: BasisParameters(form="linear"))
    adaptation: AdaptationParameters = field(default_factory=AdaptationParameters)


class LoRe(SimplexReward):
    """r_u = w_u . phi(h), w_u = softmax(free logits) fitted jointly with phi. Rank 1 is BT."""

    name = "lore"
    Parameters = LoReParameters

    def __init__(self, settings: LoReParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings.basis.bases, settings.adaptation, settings.basis, settings, shape, generator)
