"""A causal language model that is asked how likely responses are under conditions, and to write some."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from prefactor.backbones.engine import Engine, Request
from prefactor.backbones.layout import BLANK_LINE, PLAIN, Layout, Tokeniser, Tokens, chat_layout
from prefactor.backbones.loading import BackboneParameters, load_backbone, load_tokenizer
from prefactor.backbones.passes import PackedPass
from prefactor.backbones.reading import Head, Spans
from prefactor.decoding.conditions import Condition
from prefactor.errors import InputError
from prefactor.progress import Progress

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

logger = logging.getLogger(__name__)


class Speaker:
    """A causal language model with its head and tokenizer.

    Where its tokenizer has a chat template with such a turn, a system prompt is a turn of its own; elsewhere the
    user's turn begins with it.
    """

    def __init__(
        self,
        engine: Engine,
        tokenizer: "PreTrainedTokenizerBase",
        layout: Layout,
        max_tokens: int,
        identity: dict[str, Any],
    ) -> None:
        """``engine`` has a head; ``layout`` is that of a prompt without a system prompt."""
        self.engine, self.tokenizer, self.max_tokens = engine, tokenizer, max_tokens
        self.layout, self._identity = layout, identity
        self._tokenisers: dict[str | None, Tokeniser] = {}
        self.end_ids = _end_ids(tokenizer, self.model, layout)

    @property
    def model(self) -> Any:
        """The model without its head."""
        return self.engine.forward.model

    @property
    def head(self) -> Head:
        """States (M, H) to logits (M, V)."""
        assert self.engine.head is not None
        return self.engine.head

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.engine.forward.device

    def identity(self) -> dict[str, Any]:
        """Everything that decides what a log-probability is."""
        return dict(self._identity)

    def log_probabilities(
        self,
        prompts: Sequence[str],
        responses: Sequence[str],
        conditions: Sequence[Condition],
        progress: Progress | None = None,
    ) -> np.ndarray:
        """(N,) float64 log P(response | prompt, condition) in nats, summed over the response's tokens, its end's too.

        What texts begin with alike is computed once: a prompt's responses under one system prompt, and all lines of
        attributes below one prompt. A text that is too long loses the start of its prompt. Raises InputError for an
        attribute that the tokenizer cannot spell, and for a value that is no number.
        """
        tokens = self._tokens(prompts, responses, conditions)
        if cut := int(tokens.truncated.sum()):
            logger.warning("%d of %d texts are too long: the start of their prompts is not read", cut, len(tokens.ids))
        found = self.engine(tokens, Request(states=False, log_probabilities=True), progress).log_probability
        if found is None:
            return np.zeros(0)
        if not np.isfinite(found).all():
            row = int(np.flatnonzero(~np.isfinite(found))[0])
            raise InputError(f"the log-probability of the text in row {row} is {found[row]}: use compute_dtype float32")
        return found

    def response_tokens(self, prompts: Sequence[str], responses: Sequence[str]) -> np.ndarray:
        """(N,) int64 tokens of each response that are judged, those that end its turn included."""
        spans = self._tokeniser(None)(prompts, responses).responses
        return (spans.stop - np.maximum(spans.start, 1)).clip(0)

    def contexts(self, prompts: Sequence[str], conditions: Sequence[Condition]) -> list[np.ndarray]:
        """Token ids (L,) int64 of each conversation up to where the answer begins.

        Raises InputError, with the row and both lengths, for one that is longer than the model reads.
        """
        tokens = self._tokens(prompts, [""] * len(prompts), conditions)
        if tokens.truncated.any():
            row = int(np.flatnonzero(tokens.truncated)[0])
            raise InputError(
                f"the prompt in row {row} is longer than the {self.max_tokens} tokens that the model reads: shorten "
                "it, or raise max_tokens"
            )
        return [ids[:start] for ids, start in zip(tokens.ids, tokens.responses.start, strict=True)]

    def spelt(self, ids: Sequence[int]) -> str:
        """The text of some token ids, without special ones."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    @contextmanager
    def with_cache(self) -> Iterator[Any]:
        """The model with the attention that it was made with, for writing token by token."""
        forward = self.engine.forward
        if not isinstance(forward, PackedPass):  # it never had another
            yield self.model
            return
        packed = self.model.config._attn_implementation
        self.model.set_attn_implementation(forward.usual)
        try:
            yield self.model
        finally:
            self.model.set_attn_implementation(packed)

    def check_same_vocabulary(self, other: "Speaker") -> None:
        """Raise InputError unless both models read and write the same tokens: only then can logits be added."""
        mine, theirs = self.tokenizer.get_vocab(), other.tokenizer.get_vocab()
        if mine == theirs:
            return
        apart = sorted(token for token in {*mine, *theirs} if mine.get(token) != theirs.get(token))
        raise InputError(
            f"{self._identity['model']} and {other._identity['model']} have different tokenizers ({len(mine):,} and "
            f"{len(theirs):,} tokens; {apart[0]!r} is {mine.get(apart[0])} in the one and {theirs.get(apart[0])} in "
            "the other): logits can be added of models of one family only, name a small model of the large one's"
        )

    def _tokens(self, prompts: Sequence[str], responses: Sequence[str], conditions: Sequence[Condition]) -> Tokens:
        """All texts, those of one system prompt tokenised together."""
        if not len(prompts) == len(responses) == len(conditions):
            raise ValueError(f"{len(prompts)} prompts, {len(responses)} responses and {len(conditions)} conditions")
        rows: dict[str | None, list[int]] = {}
        for row, condition in enumerate(conditions):
            rows.setdefault(condition.system, []).append(row)
        whole = _Filled.empty(len(prompts))
        for system, mine in rows.items():
            shown = [conditions[row].prompt(prompts[row]) for row in mine]
            whole.take(mine, self._tokeniser(system)(shown, [responses[row] for row in mine]))
        self._check_spelt(conditions)
        return whole.tokens()

    def _tokeniser(self, system: str | None) -> Tokeniser:
        if system not in self._tokenisers:
            layout = self.layout if system is None else self._told(system)
            self._tokenisers[system] = Tokeniser(self.tokenizer.backend_tokenizer, layout, self.max_tokens)
        return self._tokenisers[system]

    def _told(self, system: str) -> Layout:
        """The layout with a system prompt: a turn of its own, or where there is none the beginning of the user's.

        It is no part of the prompt: a text that is too long keeps it.
        """
        if self.layout.chat and self._has_system_turn:
            return chat_layout(self.tokenizer, system)
        return replace(self.layout, head=f"{self.layout.head}{system}{BLANK_LINE}")

    @cached_property
    def _has_system_turn(self) -> bool:
        """Whether the chat template shows a system turn: some refuse it, some leave it out."""
        try:
            chat_layout(self.tokenizer, "Be brief.")
        except InputError:
            return False
        return True

    def _check_spelt(self, conditions: Sequence[Condition]) -> None:
        """Refuse attributes that the tokenizer has no tokens for."""
        systems = {one.system for one in conditions if one.system is not None}
        for text in sorted(systems | {name for one in conditions for name in one.line}):
            ids = self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
            if not ids or self.tokenizer.unk_token_id in ids:
                raise InputError(
                    f"the tokenizer cannot spell the attribute {text!r}: word it otherwise, or leave it out"
                )


def load_speaker(parameters: BackboneParameters) -> Speaker:
    """Load a causal language model. Raises InputError for an encoder, and as ``load_backbone`` does."""
    backbone = load_backbone(parameters)
    if backbone.engine.head is None:
        raise InputError(
            f"{parameters.model} gives no log-probabilities: name a causal language model, with log_probabilities true"
        )
    tokenizer = load_tokenizer(parameters)
    layout = chat_layout(tokenizer) if tokenizer.chat_template and parameters.layout != "plain" else PLAIN
    identity = backbone.identity()
    limit = identity["max_tokens"]
    assert isinstance(limit, int)
    kept = ("pooling", "hidden_size")  # of states, which nobody asks for here
    return Speaker(
        backbone.engine, tokenizer, layout, limit, {key: identity[key] for key in identity if key not in kept}
    )


@dataclass
class _Filled:
    """Tokens of N texts, filled in some at a time."""

    ids: list[np.ndarray]
    start: np.ndarray
    stop: np.ndarray
    truncated: np.ndarray
    cut: np.ndarray

    @classmethod
    def empty(cls, texts: int) -> "_Filled":
        numbers, flags = np.zeros((2, texts), dtype=np.int64), np.zeros((2, texts), dtype=bool)
        return cls([np.empty(0, dtype=np.int64)] * texts, *numbers, *flags)

    def take(self, rows: list[int], part: Tokens) -> None:
        for row, ids in zip(rows, part.ids, strict=True):
            self.ids[row] = ids
        self.start[rows], self.stop[rows] = part.responses.start, part.responses.stop
        self.truncated[rows], self.cut[rows] = part.truncated, part.cut

    def tokens(self) -> Tokens:
        return Tokens(self.ids, Spans(self.start, self.stop), self.truncated, self.cut)


def _end_ids(tokenizer: "PreTrainedTokenizerBase", model: Any, layout: Layout) -> list[int]:
    """Tokens that end an answer: the end of the text, of the model's settings, and of a turn of the template."""
    settings = getattr(model, "generation_config", None)
    named = [tokenizer.eos_token_id, model.config.eos_token_id, getattr(settings, "eos_token_id", None)]
    found = {number for one in named for number in (one if isinstance(one, list) else [one]) if number is not None}
    if layout.tail:
        found.add(tokenizer(layout.tail, add_special_tokens=False)["input_ids"][0])
    return sorted(found)
