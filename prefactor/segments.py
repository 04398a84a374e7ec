"""Sums, means and places within segments: per-user work on flat batches, without a loop over users."""

import torch
from torch import Tensor


def segment_sum(values: Tensor, segment: Tensor, size: int) -> Tensor:
    """Sum rows by segment: (N, ...) and (N,) -> (size, ...)."""
    return values.new_zeros(size, *values.shape[1:]).index_add_(0, segment, values)


def segment_mean(values: Tensor, segment: Tensor, size: int) -> Tensor:
    """Mean of rows by segment, 0 for an empty one: (N, ...) and (N,) -> (size, ...)."""
    count = torch.bincount(segment, minlength=size).clamp(min=1).to(values.dtype)
    return segment_sum(values, segment, size) / count.view(-1, *[1] * (values.dim() - 1))


def places(segment: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Each row's place within its segment (N,), in order of appearance, and the segments' lengths (size,)."""
    count = torch.bincount(segment, minlength=size)
    order = torch.argsort(segment, stable=True)
    place = torch.empty_like(segment)
    place[order] = torch.arange(len(segment), device=segment.device) - (count.cumsum(0) - count)[segment[order]]
    return place, count
