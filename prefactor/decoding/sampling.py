"""Writing texts token by token: nucleus and top-k sampling of a batch, with whatever else speaks for a next token."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from prefactor.decoding.speaker import Speaker
from prefactor.errors import InputError
from prefactor.progress import Progress
from prefactor.seeds import generator

ROWS_AT_ONCE = 64
FEW = 0.5  # a share: once fewer rows than this still write, the finished ones leave the batch


@dataclass(frozen=True)
class SamplingParameters:
    """How a next token is drawn.

    max_new_tokens  longest answer
    temperature     logits are divided by it; 0 for the most probable token
    top_k           the k most probable tokens alone; None for all
    top_p           the fewest tokens that have so much probability together (the nucleus); 1 for all
    rows_at_once    texts of a batch: it changes speed and memory
    """

    max_new_tokens: int = 192
    temperature: float = 0.7
    top_k: int | None = 50
    top_p: float = 0.95
    rows_at_once: int = ROWS_AT_ONCE

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or self.rows_at_once < 1 or (self.top_k is not None and self.top_k < 1):
            raise ValueError("max_new_tokens, rows_at_once and top_k must be at least 1")
        if not self.temperature >= 0 or not 0 < self.top_p <= 1:
            raise ValueError(
                f"temperature must not be negative and top_p in (0, 1], got {self.temperature} and {self.top_p}"
            )


@dataclass(frozen=True)
class Written:
    """One answer: its text, its tokens without the one that ends it, and whether it came to an end by itself."""

    text: str
    tokens: int
    finished: bool


class Steering(Protocol):
    """What else speaks for a next token, beside the model's own logits."""

    def begin(self, rows: np.ndarray) -> None:
        """A batch begins: ``rows`` (B,) of the contexts that were given."""

    def logits(self, own: Tensor, last: Tensor | None) -> Tensor:
        """(B, V) logits from the model's own (B, V); ``last`` (B,) are the tokens drawn before, None at first."""

    def keep(self, places: Tensor) -> None:
        """The batch goes on with the rows in these ``places`` (b,) alone."""


def sample(
    speaker: Speaker,
    contexts: Sequence[np.ndarray],
    sampling: SamplingParameters,
    seeds: Sequence[int],
    steering: Steering | None = None,
    progress: Progress | None = None,
) -> list[Written]:
    """One answer to each of N contexts, token ids (L,).

    A row's tokens are drawn by its own seed: they do not depend on the batch. ``progress`` counts texts. Raises
    InputError, with the row and both lengths, where an answer would not fit.
    """
    lengths = np.array([len(context) for context in contexts], dtype=np.int64)
    check_room(speaker, lengths, sampling.max_new_tokens)
    found: dict[int, Written] = {}
    for rows in _batches(lengths, sampling.rows_at_once):
        ids = _write(speaker, [contexts[row] for row in rows], rows, sampling, [seeds[row] for row in rows], steering)
        found |= {row: _read(speaker, one) for row, one in zip(rows.tolist(), ids, strict=True)}
        if progress is not None:
            progress.advance(len(rows), tokens=sum(found[row].tokens for row in rows.tolist()))
    return [found[row] for row in range(len(contexts))]


def check_room(speaker: Speaker, lengths: np.ndarray, new: int) -> None:
    """Raise InputError where a context (N,) and ``new`` tokens after it are more than the model reads."""
    too_long = np.flatnonzero(lengths + new > speaker.max_tokens)
    if len(too_long):
        row = int(too_long[0])
        raise InputError(
            f"the prompt in row {row} has {lengths[row]} tokens and {new} may follow, but the "
            f"model reads {speaker.max_tokens}: shorten the prompt, or lower max_new_tokens"
        )


def _batches(lengths: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Rows of contexts of similar length: the less padding the better."""
    order = np.argsort(lengths, kind="stable")
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _read(speaker: Speaker, ids: list[int]) -> Written:
    finished = bool(ids) and ids[-1] in speaker.end_ids
    body = ids[:-1] if finished else ids
    return Written(speaker.spelt(body), len(body), finished)


@torch.inference_mode()
def _write(
    speaker: Speaker,
    contexts: Sequence[np.ndarray],
    rows: np.ndarray,
    sampling: SamplingParameters,
    seeds: Sequence[int],
    steering: Steering | None,
) -> list[list[int]]:
    """Token ids of each answer, the one that ends it included."""
    draws = uniforms(seeds, sampling.max_new_tokens, speaker.device)
    stream, answers = Stream(speaker, contexts), _Answers(len(contexts), speaker.end_ids)
    active, last = torch.arange(len(contexts), device=speaker.device), None
    if steering is not None:
        steering.begin(rows)
    for step in range(sampling.max_new_tokens):
        logits = stream.logits(last)
        if steering is not None:
            logits = steering.logits(logits, last)
        last = drawn(logits, sampling, draws[active, step])
        writing = answers.take(active.tolist(), last.tolist())
        if not any(writing):
            break
        if sum(writing) < FEW * len(writing):
            kept = torch.tensor(writing, device=speaker.device).nonzero().squeeze(1)
            active, last = active[kept], last[kept]
            stream.keep(kept)
            if steering is not None:
                steering.keep(kept)
    return answers.ids


class _Answers:
    """Token ids of each answer so far."""

    def __init__(self, rows: int, ends: Sequence[int]) -> None:
        self.ids: list[list[int]] = [[] for _ in range(rows)]
        self._done, self._ends = [False] * rows, frozenset(ends)

    def take(self, rows: list[int], tokens: list[int]) -> list[bool]:
        """One more token of some rows; whether each of them goes on. Of a finished one nothing is kept."""
        for row, token in zip(rows, tokens, strict=True):
            if not self._done[row]:
                self.ids[row].append(token)
                self._done[row] = token in self._ends
        return [not self._done[row] for row in rows]


def uniforms(seeds: Sequence[int], steps: int, device: torch.device) -> Tensor:
    """(B, steps) numbers in [0, 1): each row's by its seed."""
    return torch.stack([torch.rand(steps, generator=generator(seed, "sampling")) for seed in seeds]).to(device)


def drawn(logits: Tensor, sampling: SamplingParameters, uniform: Tensor) -> Tensor:
    """(B,) tokens from logits (B, V): the place of ``uniform`` (B,) in the distribution that is left of them."""
    if sampling.temperature == 0:
        return logits.argmax(-1)
    from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    warpers = LogitsProcessorList([TemperatureLogitsWarper(sampling.temperature)])
    if sampling.top_k is not None:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    left = warpers(torch.empty(0), logits.float()).softmax(-1)  # type: ignore[arg-type]  # these read no ids
    below = left.cumsum(-1)  # (B,V)
    place = torch.searchsorted(below, (uniform * below[:, -1]).unsqueeze(-1), right=True).squeeze(-1)
    last = logits.shape[-1] - 1 - left.flip(-1).gt(0).int().argmax(-1)  # rounding must not choose what was left out
    return torch.minimum(place, last)


class Stream:
    """A model's logits token by token, for a batch of contexts: keys and values of all before are kept."""

    def __init__(self, speaker: Speaker, contexts: Sequence[np.ndarray]) -> None:
        """Contexts are padded on the left, so that all go on at the same place."""
        self._speaker = speaker
        padding = speaker.tokenizer.pad_token_id or 0
        longest = max(len(context) for context in contexts)
        ids = np.full((len(contexts), longest), padding, dtype=np.int64)
        real = np.zeros((len(contexts), longest), dtype=np.int64)
        for line, context in enumerate(contexts):
            ids[line, longest - len(context) :], real[line, longest - len(context) :] = context, 1
        self._ids = torch.from_numpy(ids).to(speaker.device)
        self._mask = torch.from_numpy(real).to(speaker.device)
        self._position = (self._mask.cumsum(-1) - 1).clamp(min=0)
        self._cache: Any = None

    def logits(self, last: Tensor | None) -> Tensor:
        """(B, V) of the next token, after the ``last`` one (B,) of each row; None at first."""
        if last is not None:
            self._ids = last.unsqueeze(-1)
            self._mask = torch.cat([self._mask, self._mask.new_ones(len(last), 1)], -1)
            self._position = self._position[:, -1:] + 1
        with self._speaker.with_cache() as model:
            output = model(
                input_ids=self._ids,
                attention_mask=self._mask,
                position_ids=self._position,
                past_key_values=self._cache,
                use_cache=True,
            )
        self._cache = output.past_key_values
        return self._speaker.head(output.last_hidden_state[:, -1]).float()  # (B,H)@(H,V)

    def keep(self, places: Tensor) -> None:
        """Go on with some rows alone."""
        self._mask, self._position = self._mask[places], self._position[places]
        self._cache.batch_select_indices(places)
