"""Conversations as token ids, with the part of each that is the response."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefactor.backbones.stylelm.conversations import Turns
from prefactor.backbones.stylelm.template import ASSISTANT, END, SYSTEM, USER
from prefactor.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class Spelt:
    """One conversation: token ids, where the user's words begin and end, and where the response begins.

    The response ends with the token that ends its turn, the last of ``ids``.
    """

    ids: list[int]
    user: int
    user_end: int
    response: int


class Speller:
    """Turns to ids, as the chat template sets them; a text that spells a special token stays text."""

    def __init__(self, tokenizer: "PreTrainedTokenizerFast", context: int) -> None:
        self._backend = tokenizer.backend_tokenizer
        known: dict[str, int] = tokenizer.get_vocab()
        self._special = {token: known[token] for token in (SYSTEM, USER, ASSISTANT, END)}
        self._context = context

    def texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts, without special tokens."""
        self._backend.encode_special_tokens = True
        try:
            return [encoding.ids for encoding in self._backend.encode_batch(list(texts), add_special_tokens=False)]
        finally:
            self._backend.encode_special_tokens = False

    def conversations(self, turns: Sequence[Turns], responses: Sequence[Sequence[int]]) -> list[Spelt]:
        """Conversations with responses that are ids already. Raises InputError for one beyond the context."""
        users = self.texts([turn.user for turn in turns])
        sentences = sorted({turn.system for turn in turns if turn.system is not None})
        systems = dict(zip(sentences, self.texts(sentences), strict=True))
        spelt = [
            self._joined(None if turn.system is None else systems[turn.system], user, response)
            for turn, user, response in zip(turns, users, responses, strict=True)
        ]
        if (longest := max((len(one.ids) for one in spelt), default=0)) > self._context:
            raise InputError(f"a conversation has {longest} tokens, but context is {self._context}: raise context")
        return spelt

    def _joined(self, system: list[int] | None, user: list[int], response: Sequence[int]) -> Spelt:
        token = self._special
        before: list[int] = [] if system is None else [token[SYSTEM], *system, token[END]]
        start = len(before) + 1
        ids = [*before, token[USER], *user, token[END], token[ASSISTANT], *response, token[END]]
        return Spelt(ids, start, start + len(user), start + len(user) + 2)
