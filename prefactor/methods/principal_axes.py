"""Principal axes of what pairs differ by, in the space of states."""

import torch
from torch import Tensor

from prefactor.preferences import PairBatch

PAIRS_PER_CHUNK = 16_384  # bounds the (N, H) differences


def principal_axes(pairs: PairBatch, states: Tensor) -> tuple[Tensor, Tensor]:
    """Variance (H,), rising, and axes (H, H), one per column, of the differences of ``states`` (T, H) over the pairs.

    Their mean is taken to be 0, so which side was chosen has no say.
    """
    square = states.new_zeros(states.shape[1], states.shape[1])
    for rows in torch.arange(len(pairs), device=states.device).split(PAIRS_PER_CHUNK):
        difference = states[pairs.chosen[rows]] - states[pairs.rejected[rows]]
        square += difference.T @ difference  # (H,n)@(n,H)
    variance, axes = torch.linalg.eigh(square / len(pairs))
    return variance.clamp(min=0), axes
