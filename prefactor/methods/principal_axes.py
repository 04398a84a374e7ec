"""Principal axes of what pairs differ by, in the space of states."""

from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.preferences import PairBatch

PAIRS_PER_CHUNK = 16_384  # bounds the (N, H) differences


@dataclass(frozen=True)
class PrincipalAxes:
    """``variance`` (H,) of differences along each of ``axes`` (H, H), one per column; rising."""

    variance: Tensor
    axes: Tensor


def principal_axes(pairs: PairBatch, states: Tensor) -> PrincipalAxes:
    """Of the pairs' differences of ``states`` (T, H), whose mean is taken to be 0: which side is chosen has no say."""
    square = states.new_zeros(states.shape[1], states.shape[1])
    for rows in torch.arange(len(pairs), device=states.device).split(PAIRS_PER_CHUNK):
        difference = states[pairs.chosen[rows]] - states[pairs.rejected[rows]]
        square += difference.T @ difference  # (H,n)@(n,H)
    return PrincipalAxes(*torch.linalg.eigh(square / len(pairs)))
