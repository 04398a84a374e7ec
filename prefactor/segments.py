"""Sums, means and places within segments: per-user work on flat batches, without a loop over users."""

from collections.abc import Callable, Iterator

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


def side_by_side(values: Tensor, segment: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Rows (N, ...) of a segment next to each other, (size, n, ...), and each row's place (N,).

    Zeros follow the rows of a shorter segment; n is at least 1.
    """
    place, count = places(segment, size)
    longest = max(int(count.max()) if size else 0, 1)
    return values.new_zeros(size, longest, *values.shape[1:]).index_put((segment, place), values), place


def connected(first: Tensor, second: Tensor, size: int) -> Tensor:
    """(size,) for each node the least node that edges ``first`` - ``second``, (E,) and (E,), connect it with.

    Labels spread along edges and along themselves, so that a chain takes about the logarithm of its length in turns.
    """
    label = torch.arange(size, device=first.device)
    while True:
        least = torch.minimum(label[first], label[second])
        spread = label.scatter_reduce(0, torch.cat([first, second]), least.repeat(2), "amin")
        spread = spread.scatter_reduce(0, torch.cat([label[first], label[second]]), least.repeat(2), "amin")
        spread = spread[spread]
        if torch.equal(spread, label):
            return label
        label = spread


def groups_by_length(segment: Tensor, size: int, most: Callable[[int], int]) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Segments of similar length side by side; empty ones are left out.

    Yields segment numbers (u,), their rows (u, n) of the flat batch, and a mask (u, n) of the real ones among them.
    Lengths within a group differ by less than a factor of 2; ``most(n)`` is how many of length n a group may hold.
    """
    count = torch.bincount(segment, minlength=size)
    order = torch.argsort(segment, stable=True)
    start = count.cumsum(0) - count
    octave = torch.frexp(count.to(torch.float64)).exponent  # 0 for 0, 1 for 1, 2 for 2..3, 3 for 4..7
    for value in range(1, int(octave.max()) + 1 if size else 0):
        members = (octave == value).nonzero().flatten()
        longest = int(count[members].max()) if len(members) else 0
        for chosen in members.split(max(most(longest), 1)) if longest else ():
            place = torch.arange(longest, device=segment.device)
            real = place < count[chosen].unsqueeze(-1)  # (u,n)
            yield chosen, order[(start[chosen].unsqueeze(-1) + place).clamp(max=len(order) - 1)], real
