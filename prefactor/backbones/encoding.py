"""A frozen backbone: texts in, one hidden state each out, whatever batch they came in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from prefactor.backbones.layout import Tokeniser
from prefactor.errors import InputError
from prefactor.progress import Progress

Pooling = Literal["mean", "last"]


@dataclass(frozen=True)
class Encoded:
    """Hidden states of N texts, in the order given.

    states     (N, H) float32
    truncated  (N,) bool: the text was shortened to the backbone's ``max_tokens``
    tokens     (N,) int32: tokens read, special tokens included
    """

    states: np.ndarray
    truncated: np.ndarray
    tokens: np.ndarray


class Backbone:
    """A language model without its head, its tokenizer, and how a text's token states become one state.

    Batches are padded on the right whatever the tokenizer prefers: default positions are then right for every
    architecture, and a causal model's real tokens cannot see the padding.
    """

    def __init__(
        self,
        model: nn.Module,
        tokeniser: Tokeniser,
        *,
        pooling: Pooling,
        hidden: int,
        padding: int,
        tokens_per_batch: int,
        device: torch.device,
        identity: dict[str, str | int | None],
    ) -> None:
        self.hidden = hidden
        self.device = device
        self._model = model
        self._tokeniser = tokeniser
        self._pool = _mean_of_tokens if pooling == "mean" else _last_token
        self._padding = padding
        self._tokens_per_batch = tokens_per_batch
        self._identity = identity

    def identity(self) -> dict[str, str | int | None]:
        """Everything that decides what a state is, and nothing that does not: compared before states are reused."""
        return dict(self._identity)

    @torch.inference_mode()
    def encode(self, prompts: Sequence[str], responses: Sequence[str], progress: Progress | None = None) -> Encoded:
        """The hidden state of every (prompt, response), in input order; ``progress`` counts texts.

        A text's state does not depend on the others. Give each text once: nothing is deduplicated here.
        """
        tokens = self._tokeniser(prompts, responses)
        lengths = np.array([len(ids) for ids in tokens.ids], dtype=np.int32)
        states = np.empty((len(lengths), self.hidden), dtype=np.float32)
        for rows in batches(lengths, self._tokens_per_batch):
            states[rows] = self._batch([tokens.ids[row] for row in rows])
            if progress is not None:
                progress.advance(len(rows))
        _check_finite(states)
        return Encoded(states, tokens.truncated, lengths)

    def _batch(self, texts: list[list[int]]) -> np.ndarray:
        ids, mask = pad(texts, self._padding)
        mask = mask.to(self.device)  # (B, L)
        output = self._model(input_ids=ids.to(self.device), attention_mask=mask)
        return self._pool(output.last_hidden_state, mask).cpu().numpy()  # (B, H)


def batches(lengths: np.ndarray, tokens_per_batch: int) -> Iterator[np.ndarray]:
    """Rows of texts of similar length, longest first: texts x longest <= ``tokens_per_batch``, but at least one.

    Longest first, so that a batch too large for the memory fails at once and not after hours.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        count = max(1, tokens_per_batch // int(lengths[order[start]]))
        yield order[start : start + count]
        start += count


def pad(texts: Sequence[Sequence[int]], padding: int) -> tuple[Tensor, Tensor]:
    """Token ids (B, L) int64, padded on the right, and the mask (B, L) int64 that is 1 on real tokens."""
    lengths = np.array([len(text) for text in texts])
    mask = np.arange(lengths.max()) < lengths[:, None]  # (B, L)
    ids = np.full(mask.shape, padding, dtype=np.int64)
    ids[mask] = np.concatenate([np.asarray(text, dtype=np.int64) for text in texts])
    return torch.from_numpy(ids), torch.from_numpy(mask.astype(np.int64))


def _mean_of_tokens(states: Tensor, mask: Tensor) -> Tensor:
    """(B, L, H), (B, L) -> (B, H): the mean over real tokens, in float32."""
    weights = mask.unsqueeze(-1).float()  # (B, L, 1)
    return (states.float() * weights).sum(1) / weights.sum(1)


def _last_token(states: Tensor, mask: Tensor) -> Tensor:
    """(B, L, H), (B, L) -> (B, H): the state of the last real token, in float32."""
    last = mask.shape[1] - 1 - mask.flip(1).argmax(1)  # (B,) argmax finds the first 1 of the mirrored mask
    rows = torch.arange(len(last), device=last.device)
    assert bool((mask[rows, last] == 1).all()), "a text without a real token"
    return states[rows, last].float()


def _check_finite(states: np.ndarray) -> None:
    bad = int((~np.isfinite(states).all(axis=1)).sum())
    if bad:
        raise InputError(f"{bad} of {len(states)} hidden states are not finite: use compute_dtype float32")
