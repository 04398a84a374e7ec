"""Random trees of token sequences, and what a model gives for each of them alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

from prefactor.backbones.engine import Request
from prefactor.backbones.layout import Tokens
from prefactor.backbones.reading import Spans
from tests.backbones.tiny_models import VOCABULARY


@st.composite
def trees(draw: st.DrawFn, most: int = 10) -> list[np.ndarray]:
    """Texts of which each goes on from some place in an earlier one, or from nothing.

    Where it goes on from the end with nothing it is a duplicate; from the middle with nothing, what another begins
    with; from nothing, perhaps a single token.
    """
    seed = draw(st.integers(0, 2**16))
    rng = np.random.default_rng(seed)
    texts: list[np.ndarray] = []
    for number in range(draw(st.integers(1, most))):
        parent = texts[rng.integers(number)] if number and draw(st.integers(0, 4)) else np.empty(0, dtype=np.int64)
        kept = parent[: draw(st.sampled_from([len(parent), int(rng.integers(len(parent) + 1))]))]
        new = draw(st.sampled_from([0, 1, int(rng.integers(1, 20)), int(rng.integers(20, 50))]))
        text = np.concatenate([kept, rng.integers(VOCABULARY, size=new)])[:250]
        texts.append(text if len(text) else rng.integers(VOCABULARY, size=1))
    return [texts[row] for row in rng.permutation(len(texts))]


def fixed_tree(seed: int = 0, roots: int = 2) -> list[np.ndarray]:
    """Prompts of different lengths with replies to some of them and to their replies, a duplicate and a loner."""
    rng = np.random.default_rng(seed)
    texts = [rng.integers(VOCABULARY, size=1)]
    for root in range(roots):
        prompt = rng.integers(VOCABULARY, size=20 + 15 * root)
        turn = np.concatenate([prompt, rng.integers(VOCABULARY, size=18)])
        texts += [turn, turn, prompt]
        texts += [
            np.concatenate([start, rng.integers(VOCABULARY, size=n)]) for start in (prompt, turn) for n in (3, 25)
        ]
    return texts


def tokens_of(texts: list[np.ndarray], seed: int = 0) -> Tokens:
    """The texts with a random span each as its response, some to the end, some empty."""
    rng = np.random.default_rng(seed)
    lengths = np.array([len(text) for text in texts])
    start = rng.integers(lengths + 1)
    stop = np.where(rng.random(len(texts)) < 0.5, lengths, rng.integers(start, lengths + 1))
    none = np.zeros(len(texts), dtype=bool)
    return Tokens(texts, Spans(start, stop), none, none)


@dataclass(frozen=True)
class Alone:
    """What a model gives for N texts, one at a time: states (N, H x layers), and log-probabilities (N,)."""

    states: np.ndarray
    log_probability: np.ndarray


def alone(model: Any, tokens: Tokens, request: Request) -> Alone:
    """Every text through the whole model, unpadded, with nothing of ours but the question."""
    states, log_probability = [], []
    for ids, start, stop in zip(tokens.ids, tokens.responses.start, tokens.responses.stop, strict=True):
        with torch.inference_mode():
            output = model(input_ids=torch.from_numpy(ids)[None], output_hidden_states=True)
        layers = [output.hidden_states[layer][0].float() for layer in request.layers]
        states.append(torch.cat([_pooled(layer, request.pooling, start, stop) for layer in layers]))
        found = output.logits[0].float().log_softmax(-1)
        judged = torch.arange(max(start, 1), max(stop, 1))
        log_probability.append(float(found[judged - 1, torch.from_numpy(ids)[judged]].double().sum()))
    return Alone(torch.stack(states).numpy(), np.array(log_probability))


def _pooled(states: Tensor, pooling: str, start: int, stop: int) -> Tensor:
    if pooling == "last":
        return states[-1]
    if pooling == "mean":
        return states.mean(0)
    return states[start:stop].mean(0) if stop > start else torch.zeros_like(states[0])


def relative_errors(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """(N,) Frobenius norm of the difference over that of what is expected, by row; 0 where both are 0."""
    difference = np.linalg.norm(found - expected, axis=-1)
    return difference / np.maximum(np.linalg.norm(expected, axis=-1), 1e-9)
