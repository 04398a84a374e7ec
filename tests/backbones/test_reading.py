"""What is read off states: against the plain formula, however few logits are in memory at once."""

from typing import get_args

import numpy as np
import pytest
import torch

from prefactor.backbones import reading
from prefactor.backbones.forest import Forest, prefix_order
from prefactor.backbones.reading import Pooling, Spans, log_probabilities, pooled
from tests.backbones.trees import fixed_tree, tokens_of

HIDDEN, VOCABULARY = 6, 300


def shared_forest(texts: list[np.ndarray], spans: Spans) -> tuple[Forest, Spans]:
    order, shared = prefix_order(texts)
    return Forest.of([texts[row] for row in order], shared), spans[order]


@pytest.mark.parametrize("logits", [1, 1000, 1 << 24])
def test_log_probabilities_however_many_at_once(logits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LOGITS", logits)
    texts = fixed_tree(roots=4)
    forest, spans = shared_forest(texts, Spans(np.zeros(len(texts), int), np.array([len(text) for text in texts])))
    draw = torch.Generator().manual_seed(0)
    states, head = torch.randn(len(forest), HIDDEN, generator=draw), torch.randn(HIDDEN, VOCABULARY, generator=draw)
    heights: list[int] = []

    def judged(rows: torch.Tensor) -> torch.Tensor:
        heights.append(len(rows))
        return rows @ head  # (M,H)@(H,V)

    found = log_probabilities(states, forest, spans, judged)
    every = (states @ head).log_softmax(-1)
    for value, path in zip(found, forest.paths, strict=True):
        ids = torch.from_numpy(forest.ids[path])
        torch.testing.assert_close(value.float(), every[path[:-1], ids[1:]].sum(), rtol=1e-4, atol=1e-4)
    assert found.dtype == torch.float64
    assert 256 < sum(heights) < len(forest) and len(heights) > 1
    assert max(heights[1:]) <= max(1, logits // VOCABULARY)


@pytest.mark.parametrize("pooling", get_args(Pooling))
def test_pooling_has_gradients_of_the_plain_formula(pooling: Pooling) -> None:
    texts = fixed_tree()
    forest, spans = shared_forest(texts, tokens_of(texts).responses)
    draw = torch.Generator().manual_seed(0)
    states = torch.randn(len(forest), HIDDEN, generator=draw, requires_grad=True)
    weights = torch.randn(len(forest.paths), HIDDEN, generator=draw)
    parts = {"mean": slice(None), "last": slice(-1, None)}
    expected = torch.stack(
        [
            states[path[parts.get(pooling, slice(start, stop))]].sum(0) / max(1, len(part))
            for path, start, stop in zip(forest.paths, spans.start, spans.stop, strict=True)
            for part in [path[parts.get(pooling, slice(start, stop))]]
        ]
    )
    found = pooled(states, forest, pooling, spans)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad((values * weights).sum(), states)[0] for values in (found, expected)]
    torch.testing.assert_close(*gradients)
