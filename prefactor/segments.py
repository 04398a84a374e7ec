"""Sums and means over segments: per-user reductions of flat batches, without a loop over users."""

import torch
from torch import Tensor


def segment_sum(values: Tensor, segment: Tensor, size: int) -> Tensor:
    """Sum rows by segment: (N, ...) and (N,) -> (size, ...)."""
    return values.new_zeros(size, *values.shape[1:]).index_add_(0, segment, values)


def segment_mean(values: Tensor, segment: Tensor, size: int) -> Tensor:
    """Mean of rows by segment, 0 for an empty one: (N, ...) and (N,) -> (size, ...)."""
    count = torch.bincount(segment, minlength=size).clamp(min=1).to(values.dtype)
    return segment_sum(values, segment, size) / count.view(-1, *[1] * (values.dim() - 1))
