"""Attention over a packed row: which tokens attend to which, as blocks of texts of similar shape.

A forest's tokens stand end to end in one row, so every layer but attention works on each unique token once and on no
padding. A text's new tokens attend to its own path. Texts that share nothing are causal blocks, which need no mask;
the others get the keys and values of their shared beginning, computed once, gathered before their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from prefactor.backbones.forest import Forest
from prefactor.backbones.transfer import to_device

PADDING = 1.25  # times the cells of attention without padding, at most, in a block
CELLS = 4_000_000  # queries x keys of a block, at most: bounds its mask


@dataclass(frozen=True)
class Block:
    """n texts whose attention is computed at once, padded to m queries and S keys.

    query  (n, m) rows of the packed row; padding repeats a text's first, and its results are never read
    key    (n, S) rows; padding is a text's own, too: unseen, it still spoils what sees it where it is no number
    first  (n,) position of a text's first query among its keys; None if all are 0: plainly causal
    """

    query: Tensor
    key: Tensor
    first: Tensor | None

    def mask(self, dtype: torch.dtype, window: int | None = None) -> Tensor:
        """(n, 1, m, S) of 0 and -inf: a query sees the keys up to its own place, of them the last ``window``."""
        queries, keys = (torch.arange(side.shape[1], device=side.device) for side in (self.query, self.key))
        first = torch.zeros_like(self.query[:, 0]) if self.first is None else self.first
        # Padding stays among the keys: one that saw none of them would have gradients that are no numbers.
        place = (first[:, None] + queries).clamp(max=len(keys) - 1)  # (n,m)
        behind = place[:, :, None] - keys  # (n,m,S) how far back a key lies
        seen = (behind >= 0) if window is None else (behind >= 0) & (behind < window)
        return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, -torch.inf).unsqueeze(1)

    def to(self, device: torch.device) -> "Block":
        """The same block on another device."""
        first = None if self.first is None else to_device(self.first, device)
        return Block(to_device(self.query, device), to_device(self.key, device), first)


@dataclass(frozen=True)
class Packing:
    """The blocks of a forest; ``place`` (T,) says where the blocks' results, end to end, hold each token's.

    ``longest`` is the length of the longest text. Masks are made once and read by every layer. ``windows`` are those
    that layers asked for, in their order: by them a model shows whether its attention is all as expected.
    """

    blocks: list[Block]
    place: Tensor
    longest: int
    windows: list[int | None] = field(default_factory=list, repr=False)
    _masks: dict[torch.dtype, list[Tensor | None]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, forest: Forest) -> "Packing":
        """Group the texts of a forest into blocks."""
        blocks = []
        place = np.empty(len(forest), dtype=np.int64)
        size = 0
        for texts in _groups(forest):
            block, query, real = _block(forest, texts)
            place[query[real]] = size + np.flatnonzero(real)
            size += query.size
            blocks.append(block)
        return cls(blocks, torch.from_numpy(place), max(map(len, forest.paths)))

    def masks(self, dtype: torch.dtype, window: int | None = None) -> list[Tensor | None]:
        """A mask for each block, None where it is plainly causal; for a layer that sees ``window`` tokens, or all."""
        self.windows.append(window)
        if window is not None and window < self.longest:
            return [block.mask(dtype, window) for block in self.blocks]
        if dtype not in self._masks:
            self._masks[dtype] = [None if block.first is None else block.mask(dtype) for block in self.blocks]
        return self._masks[dtype]

    def to(self, device: torch.device) -> "Packing":
        """The same packing on another device; its copies overlap what that device is doing."""
        return Packing([block.to(device) for block in self.blocks], to_device(self.place, device), self.longest)


def _groups(forest: Forest) -> Iterator[list[int]]:
    """Texts that have tokens of their own, in groups of similar shape: by whether they share, by tokens, by keys."""
    lengths = np.array([len(path) for path in forest.paths])
    own = lengths - forest.shared
    order = np.lexsort((lengths, own, forest.shared > 0))
    group: list[int] = []
    exact = keys = 0
    for text in order[own[order] > 0].tolist():
        cells, widest = int(own[text] * lengths[text]), max(keys, int(lengths[text]))
        padded = (len(group) + 1) * int(own[text]) * widest  # its own tokens are the most so far: they ascend
        apart = bool(group) and bool(forest.shared[group[0]]) != bool(forest.shared[text])
        if group and (apart or padded > PADDING * (exact + cells) or padded > CELLS):
            yield group
            group, exact, widest = [], 0, int(lengths[text])
        group.append(text)
        exact, keys = exact + cells, widest
    if group:
        yield group


def _block(forest: Forest, texts: list[int]) -> tuple[Block, np.ndarray, np.ndarray]:
    """The block of some texts, its query rows (n * m,) and which of them are not padding."""
    paths, first = [forest.paths[text] for text in texts], forest.shared[texts]
    lengths = np.array([len(path) for path in paths])
    query, real = _padded([path[start:] for path, start in zip(paths, first, strict=True)], lengths - first)
    key, _ = _padded(paths, lengths)
    starts = torch.from_numpy(first) if first.any() else None
    return Block(torch.from_numpy(query), torch.from_numpy(key), starts), query.ravel(), real.ravel()


def _padded(rows: list[np.ndarray], lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    real = np.arange(lengths.max()) < lengths[:, None]  # (n,m)
    out = np.repeat([row[0] for row in rows], lengths.max()).reshape(real.shape)
    out[real] = np.concatenate(rows)
    return out, real
