"""What is read off hidden states: one state per text, and how probable its response is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.backbones.forest import Forest
from prefactor.backbones.transfer import to_device

Pooling = Literal["mean", "last", "mean_response"]
LOGITS = 1 << 24  # logits in memory at once

Head = Callable[[Tensor], Tensor]  # (M, H) states to (M, V) logits


@dataclass(frozen=True)
class Spans:
    """Where the responses of N texts are among their tokens: ``start`` (N,) and ``stop`` (N,)."""

    start: np.ndarray
    stop: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "Spans":
        return Spans(self.start[rows], self.stop[rows])


def pooled(states: Tensor, forest: Forest, pooling: Pooling, spans: Spans) -> Tensor:
    """States (T, H) of a forest's tokens to one (N, H) float32 for each text: the last token's, or a mean.

    ``mean`` is over all tokens, ``mean_response`` over the response's; of an empty response it is 0.
    """
    if pooling == "last":
        last = np.array([path[-1] for path in forest.paths])
        return states[to_device(last, states.device)].float()
    start, stop = (spans.start, spans.stop) if pooling == "mean_response" else _whole(forest)
    parts = [path[first:last] for path, first, last in zip(forest.paths, start, stop, strict=True)]
    return _means(parts, states)


def _whole(forest: Forest) -> tuple[np.ndarray, np.ndarray]:
    lengths = np.array([len(path) for path in forest.paths])
    return np.zeros_like(lengths), lengths


def _means(parts: list[np.ndarray], states: Tensor) -> Tensor:
    """Rows of N texts and states (T, H) to means (N, H): one sparse product, nothing gathered."""
    lengths = np.array([len(part) for part in parts])
    place = np.stack([np.repeat(np.arange(len(parts)), lengths), np.concatenate(parts)])
    share = np.repeat(1 / np.maximum(lengths, 1), lengths).astype(np.float32)
    index, values = to_device(place, states.device), to_device(share, states.device)
    size = (len(parts), len(states))
    average = torch.sparse_coo_tensor(index, values, size, check_invariants=False)
    return torch.sparse.mm(average, states.float())  # (N,T)@(T,H)


def log_probabilities(states: Tensor, forest: Forest, spans: Spans, head: Head) -> Tensor:
    """(N,) float64: the sum over a text's response tokens of log P(token | all before it), in nats.

    ``states`` (T, H) are those that the head reads. A token that several texts share is judged once. The first token
    of a text has nothing before it and counts as 0.
    """
    starts = np.maximum(spans.start, 1)
    parts = list(zip(forest.paths, starts, spans.stop, strict=True))
    token = np.concatenate([path[start:stop] for path, start, stop in parts])
    before = np.concatenate([path[start - 1 : max(stop - 1, start - 1)] for path, start, stop in parts])
    once, first, where = np.unique(token, return_index=True, return_inverse=True)
    found = torch.zeros(len(once), dtype=torch.float64, device=states.device)
    rows, targets = to_device(before[first], states.device), to_device(forest.ids[once], states.device)
    for part, logits in _logits(states, rows, head):
        found[part] = -F.cross_entropy(logits.float(), targets[part], reduction="none").double()
    owner = np.repeat(np.arange(len(parts)), np.maximum(spans.stop - starts, 0))
    total = torch.zeros(len(parts), dtype=torch.float64, device=states.device)
    return total.index_add(0, to_device(owner, states.device), found[to_device(where, states.device)])


def _logits(states: Tensor, rows: Tensor, head: Head) -> Iterator[tuple[slice, Tensor]]:
    """Logits (m, V) of the states in ``rows`` (M,), some at a time."""
    start, size = 0, 256
    while start < len(rows):
        part = slice(start, start + size)
        logits = head(states[rows[part]])
        yield part, logits
        start += size
        size = max(1, LOGITS // logits.shape[-1])
