"""Log-probabilities of tokens by a causal model, the head computed where they are asked for only."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from prefactor.backbones.engine import Engine, Request
from prefactor.backbones.language_head import find_head
from prefactor.backbones.layout import Tokens
from prefactor.backbones.passes import batches_by_length, best_pass, pad
from prefactor.backbones.reading import Spans
from prefactor.backbones.stylelm.spelling import Spelt
from prefactor.progress import Progress

if TYPE_CHECKING:
    from transformers import Qwen3ForCausalLM


@dataclass(frozen=True)
class TokenBatch:
    """B conversations of at most L tokens, padded on the right.

    ids      (B, L) int64
    weights  (B, L) float32: what predicting each token counts; 0 on padding and on what nobody asks for
    rows     (B,) rows of the conversations
    """

    ids: Tensor
    weights: Tensor
    rows: np.ndarray


def token_batches(
    spelt: Sequence[Spelt], padding: int, tokens_per_batch: int, prompt_weight: float = 0.0
) -> Iterator[TokenBatch]:
    """Conversations of similar length together, longest first: lines x longest <= the budget, but at least one."""
    for rows in batches_by_length(np.array([len(one.ids) for one in spelt]), tokens_per_batch):
        yield _padded(spelt, rows, padding, prompt_weight)


def _padded(spelt: Sequence[Spelt], rows: np.ndarray, padding: int, prompt_weight: float) -> TokenBatch:
    ids, _ = pad([spelt[row].ids for row in rows], padding)
    weights = torch.zeros(ids.shape)
    for line, row in enumerate(rows):
        one = spelt[row]
        weights[line, one.user : one.user_end] = prompt_weight
        weights[line, one.response : len(one.ids)] = 1.0
    return TokenBatch(torch.from_numpy(ids), weights, rows)


def token_losses(model: "Qwen3ForCausalLM", batch: TokenBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Losses (M,) in nats of the M tokens that count, their weights (M,), and their line (M,) in the batch.

    Without a mask: padding is on the right, where a causal model's real tokens cannot see it.
    """
    line, place = torch.nonzero(batch.weights[:, 1:], as_tuple=True)  # (M,), (M,) of the predecessor
    states = model.model(input_ids=batch.ids, use_cache=False).last_hidden_state  # (B, L, H)
    logits = model.lm_head(states[line, place])  # (M,H)@(H,V) -> (M,V)
    losses = functional.cross_entropy(logits.float(), batch.ids[line, place + 1], reduction="none")
    return losses, batch.weights[line, place + 1], line


def engine_of(model: "Qwen3ForCausalLM", tokens_per_batch: int) -> Engine:
    """The engine over a copy of a model: prompts and system prompts in common are read once."""
    body, head = find_head(copy.deepcopy(model).eval())
    with torch.inference_mode():
        forward = best_pass(body, torch.device("cpu"), 0, causal=True)
    return Engine(forward, head, tokens_per_batch)


def response_losses(engine: Engine, spelt: Sequence[Spelt], shown: Progress | None = None) -> np.ndarray:
    """(N,) float64: the response's -log p in nats, summed over its tokens and the end of its turn."""
    none = np.zeros(len(spelt), dtype=bool)
    spans = Spans(np.array([one.response for one in spelt]), np.array([len(one.ids) for one in spelt]))
    tokens = Tokens([np.array(one.ids, dtype=np.int64) for one in spelt], spans, truncated=none, cut=none)
    found = engine(tokens, Request(states=False, log_probabilities=True), shown).log_probability
    assert found is not None
    return -found
