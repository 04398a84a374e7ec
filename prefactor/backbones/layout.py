"""How a prompt and a response become tokens: laid out as one text, shortened from the prompt's start."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Encoding, Tokenizer

from prefactor.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BLANK_LINE = "\n\n"
PROMPT_MARK, RESPONSE_MARK = "\ue000prompt\ue001", "\ue000response\ue001"  # private use: no template holds them
TEMPLATE_DATE = "26 Jul 2024"  # some templates write today's date: states must not change overnight


@dataclass(frozen=True)
class Layout:
    """The fixed text around a prompt and a response: ``head`` prompt ``middle`` response ``tail``.

    ``chat``: it comes from a chat template, so special tokens in it are read as such. Without a template a text
    that happens to spell a special token stays text.
    """

    head: str
    middle: str
    tail: str
    chat: bool

    def text(self, prompt: str, response: str) -> str:
        """The text a model reads."""
        return f"{self.head}{prompt}{self._between(prompt)}{response}{self.tail}"

    def cuts(self, prompt: str, response: str) -> tuple[int, int, int, int]:
        """Characters where the prompt starts and ends and the response starts and ends.

        Without a template the blank line goes with the prompt: it has no use once the prompt is gone.
        """
        start = len(self.head)
        first = start + len(prompt) + len(self._between(prompt))
        return start, start + len(prompt) if self.chat else first, first, first + len(response)

    def _between(self, prompt: str) -> str:
        return self.middle if prompt or self.chat else ""


PLAIN = Layout("", BLANK_LINE, "", chat=False)


def chat_layout(tokenizer: "PreTrainedTokenizerBase") -> Layout:
    """The layout of a tokenizer's chat template: one user turn, one assistant turn, no system prompt of ours.

    White space after the end-of-turn token is left out, so that the last token is the one that ends the turn.
    """
    turns = [{"role": "user", "content": PROMPT_MARK}, {"role": "assistant", "content": RESPONSE_MARK}]
    text = str(tokenizer.apply_chat_template(turns, tokenize=False, date_string=TEMPLATE_DATE))
    head, found_prompt, rest = text.partition(PROMPT_MARK)
    middle, found_response, tail = rest.partition(RESPONSE_MARK)
    if not (found_prompt and found_response):
        raise InputError("the tokenizer's chat template does not show a user's and an assistant's turn as given")
    return Layout(head, middle, tail.rstrip(), chat=True)


@dataclass(frozen=True)
class Tokens:
    """Token ids of N texts, special tokens included, and which of them were shortened to fit."""

    ids: list[list[int]]
    truncated: np.ndarray  # (N,) bool


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
        truncated = np.array([len(encoding) > self._room for encoding in encodings], dtype=bool)
        ids = [encoding.ids for encoding in encodings]
        for row in np.flatnonzero(truncated).tolist():
            ids[row] = self._shorten(encodings[row], self.layout.cuts(prompts[row], responses[row]))
        ids = [[*self._prefix, *body, *self._suffix] for body in ids]
        if empty := [row for row, tokens in enumerate(ids) if not tokens]:
            raise InputError(f"{len(empty)} text(s) make no token, e.g. {texts[empty[0]]!r}: drop them")
        return Tokens(ids, truncated)

    def _shorten(self, encoding: Encoding, cuts: tuple[int, int, int, int]) -> list[int]:
        ids, starts = encoding.ids, [start for start, _ in encoding.offsets]
        prompt_start, prompt_end, response_start, response_end = (bisect_left(starts, cut) for cut in cuts)
        excess = len(ids) - self._room
        from_prompt = min(excess, prompt_end - prompt_start)
        from_response = min(excess - from_prompt, response_end - response_start)
        kept = ids[prompt_start + from_prompt : response_end - from_response]
        return [*ids[:prompt_start], *kept, *ids[response_end:]][: self._room]

    def _check_room(self) -> None:
        fixed = len(self._backend.encode(self.layout.text("", ""), add_special_tokens=False))
        if self._room <= fixed:
            used = fixed + len(self._prefix) + len(self._suffix)
            raise InputError(f"max_tokens is {self.max_tokens}, but {used} surround every text: raise max_tokens")


def _special_tokens(backend: Tokenizer) -> tuple[list[int], list[int]]:
    """Token ids that the tokenizer puts before and after every text."""
    encoding = backend.encode("a", add_special_tokens=True)
    real = [position for position, special in enumerate(encoding.special_tokens_mask) if not special]
    return encoding.ids[: real[0]], encoding.ids[real[-1] + 1 :]
