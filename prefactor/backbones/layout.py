"""How a prompt and a response become tokens: laid out as one text, shortened from the prompt's start."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Encoding, Tokenizer

from prefactor.backbones.reading import Spans
from prefactor.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BLANK_LINE = "\n\n"
PROMPT_MARK, RESPONSE_MARK = "\ue000prompt\ue001", "\ue000response\ue001"  # private use: no template holds them
TEMPLATE_DATE = "26 Jul 2024"  # some templates write today's date: states must not change overnight
NO_CLOCK = "{%- macro strftime_now(format) -%}" + TEMPLATE_DATE + "{%- endmacro -%}"


@dataclass(frozen=True)
class Layout:
    """The fixed text around a prompt and a response: ``head`` prompt ``middle`` response ``tail``.

    ``chat``: it comes from a chat template, so special tokens in it are read as such. Without a template a text
    that happens to spell a special token stays text. ``trims``: the template takes white space off both ends of a turn.
    """

    head: str
    middle: str
    tail: str
    chat: bool
    trims: bool = False

    def text(self, prompt: str, response: str) -> str:
        """The text a model reads."""
        prompt, response = self._shown(prompt, response)
        return f"{self.head}{prompt}{self._between(prompt)}{response}{self.tail}"

    def cuts(self, prompt: str, response: str) -> tuple[int, int, int, int]:
        """Characters where the prompt starts and ends and the response starts and ends.

        Without a template the blank line goes with the prompt: it has no use once the prompt is gone.
        """
        prompt, response = self._shown(prompt, response)
        start = len(self.head)
        first = start + len(prompt) + len(self._between(prompt))
        return start, start + len(prompt) if self.chat else first, first, first + len(response)

    def _shown(self, prompt: str, response: str) -> tuple[str, str]:
        return (prompt.strip(), response.strip()) if self.trims else (prompt, response)

    def _between(self, prompt: str) -> str:
        return self.middle if prompt or self.chat else ""


PLAIN = Layout("", BLANK_LINE, "", chat=False)


def chat_layout(tokenizer: "PreTrainedTokenizerBase", system: str | None = None) -> Layout:
    """The layout of a tokenizer's chat template: one user turn, one assistant turn, before them perhaps a system turn.

    Without ``system`` the template may still write a system prompt of its own. White space after the end-of-turn token
    is left out, so that the last token is the one that ends the turn. Raises InputError where the template fails, or
    does not show the turns.
    """
    turns = [{"role": "user", "content": PROMPT_MARK}, {"role": "assistant", "content": RESPONSE_MARK}]
    if system is not None:
        turns.insert(0, {"role": "system", "content": system})
    head, found_prompt, rest = _rendered(tokenizer, turns).partition(PROMPT_MARK)
    middle, found_response, tail = rest.partition(RESPONSE_MARK)
    if not (found_prompt and found_response):
        raise InputError(
            "the tokenizer's chat template does not show a user's and an assistant's turn as given: correct it, or use "
            "layout 'plain'"
        )
    if system is not None and system.strip() not in head:
        raise InputError("the tokenizer's chat template does not show a system turn: leave the system prompt out")
    return Layout(head, middle, tail.rstrip(), chat=True, trims=_trims(tokenizer, turns))


def _trims(tokenizer: "PreTrainedTokenizerBase", turns: list[dict[str, str]]) -> bool:
    spaced = [turn | {"content": f" {turn['content']} "} for turn in turns]
    return f" {RESPONSE_MARK} " not in _rendered(tokenizer, spaced)


def _rendered(tokenizer: "PreTrainedTokenizerBase", turns: list[dict[str, str]]) -> str:
    from jinja2 import TemplateError

    try:
        template = tokenizer.get_chat_template()
        shown = tokenizer.apply_chat_template(
            turns, chat_template=NO_CLOCK + template, tokenize=False, date_string=TEMPLATE_DATE
        )
        return str(shown)
    except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        roles = ", ".join(turn["role"] for turn in turns)
        fix = "leave the system prompt out, or correct it" if "system" in roles else "correct it, or use layout 'plain'"
        raise InputError(f"the tokenizer's chat template fails on turns of {roles} ({error}): {fix}") from error


@dataclass(frozen=True)
class Tokens:
    """Token ids of N texts, special tokens included.

    ids        N arrays (L,) int64
    responses  where each text's response is, the tokens that end its turn in a chat included
    truncated  (N,) bool: shortened to fit
    cut        (N,) bool: so much that the response lost its end, too
    """

    ids: list[np.ndarray]
    responses: Spans
    truncated: np.ndarray
    cut: np.ndarray


class Tokeniser:
    """Prompts and responses to token ids of at most ``max_tokens``."""

    def __init__(self, backend: Tokenizer, layout: Layout, max_tokens: int) -> None:
        self.layout = layout
        self.max_tokens = max_tokens
        self._backend = backend
        backend.no_truncation()  # a saved tokenizer may cut and pad to a fixed length
        backend.no_padding()
        backend.encode_special_tokens = not layout.chat
        self._prefix, self._suffix = ([], []) if layout.chat else _special_tokens(backend)
        self._room = max_tokens - len(self._prefix) - len(self._suffix)
        self._check_room()

    def __call__(self, prompts: Sequence[str], responses: Sequence[str]) -> Tokens:
        """Tokenise N pairs of prompt and response.

        A text that is too long loses the start of its prompt first, so that the response stays whole as long as
        it fits, then the end of its response.
        """
        texts = [self.layout.text(prompt, response) for prompt, response in zip(prompts, responses, strict=True)]
        encodings = self._backend.encode_batch(texts, add_special_tokens=False)
        fitted = [
            self._fit(encoding, self.layout.cuts(prompt, response))
            for encoding, prompt, response in zip(encodings, prompts, responses, strict=True)
        ]
        ids = [np.array([*self._prefix, *body.ids, *self._suffix], dtype=np.int64) for body in fitted]
        if empty := [row for row, tokens in enumerate(ids) if not len(tokens)]:
            raise InputError(f"{len(empty)} text(s) make no token, the first in row {empty[0]}: drop them")
        start = np.array([len(self._prefix) + body.response for body in fitted], dtype=np.int64)
        stop = np.array([len(tokens) - len(self._suffix) for tokens in ids], dtype=np.int64)
        truncated = np.array([body.lost > 0 for body in fitted], dtype=bool)
        return Tokens(ids, Spans(start, stop), truncated, np.array([body.lost_response > 0 for body in fitted], bool))

    def _fit(self, encoding: Encoding, cuts: tuple[int, int, int, int]) -> "_Fitted":
        ids, starts = encoding.ids, [start for start, _ in encoding.offsets]
        prompt_start, prompt_end, response_start, response_end = (bisect_left(starts, cut) for cut in cuts)
        excess = max(len(ids) - self._room, 0)
        from_prompt = min(excess, prompt_end - prompt_start)
        from_response = min(excess - from_prompt, response_end - response_start)
        if not excess:
            return _Fitted(ids, response_start, 0, 0)
        kept = ids[prompt_start + from_prompt : response_end - from_response]
        whole = [*ids[:prompt_start], *kept, *ids[response_end:]][: self._room]
        return _Fitted(whole, min(response_start - from_prompt, len(whole)), excess, from_response)

    def _check_room(self) -> None:
        fixed = len(self._backend.encode(self.layout.text("", ""), add_special_tokens=False))
        if self._room <= fixed:
            used = fixed + len(self._prefix) + len(self._suffix)
            raise InputError(f"max_tokens is {self.max_tokens}, but {used} surround every text: raise max_tokens")


@dataclass(frozen=True)
class _Fitted:
    """A text's tokens without those around every text, where its response starts, and how many tokens were lost."""

    ids: list[int]
    response: int
    lost: int
    lost_response: int


def _special_tokens(backend: Tokenizer) -> tuple[list[int], list[int]]:
    """Token ids that the tokenizer puts before and after every text."""
    encoding = backend.encode("a", add_special_tokens=True)
    real = [position for position, special in enumerate(encoding.special_tokens_mask) if not special]
    return encoding.ids[: real[0]], encoding.ids[real[-1] + 1 :]
