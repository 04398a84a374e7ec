"""How many singular values stand out of chance: parallel analysis (Horn 1965), with matrices that chance made."""

from collections.abc import Iterable

import torch
from torch import Tensor

DEVIATIONS = 3.0  # beyond the mean of what chance gives


def standing_out(values: Tensor, *chance: Iterable[float]) -> int:
    """How many of the ``values`` (q,) lie above what any kind of chance gives.

    Each of ``chance`` holds the largest singular values of matrices drawn in one way, at least two: values beyond their
    mean by DEVIATIONS standard deviations are not chance. Their maximum would grow with the number of draws.
    """
    drawn = [torch.tensor([*kind], dtype=torch.float64) for kind in chance]
    bound = max(float(kind.mean() + DEVIATIONS * kind.std()) for kind in drawn)
    return int((values > bound).sum())
