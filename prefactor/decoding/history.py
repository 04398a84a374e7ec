"""EXACT's Base: a user's pairs are written out before the prompt, and the language model is left to read them.

Published (EXACT appendix C.1.1) are up to 200 pairs in a system prompt, cut at 20,000 characters. Here they stand in
the prompt itself, which every chat template has, and the limit is one of tokens and cuts no pair in the middle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import torch
from torch import Tensor

from prefactor.methods.base import Margin
from prefactor.preferences import PairBatch

MOST_PAIRS = 200
# Parts are counted by themselves and begin with white space, before which tokenizers split: so their tokens add up to
# no fewer than the whole has.
OPENING = "These are earlier questions of mine, each with an answer that I preferred and one that I did not."
REQUEST = "\n\nAnswer what follows as I would prefer it.\n\n"

Count = Callable[[Sequence[str]], Sequence[int]]  # texts -> tokens of each
Likelihood = Callable[[Sequence[str], Sequence[str]], np.ndarray]  # prompts, responses -> (N,) nats


class TextTable(Protocol):
    """The split's texts: ``PairBatch.responses.text`` are places in these lists."""

    @property
    def prompts(self) -> Sequence[str]: ...

    @property
    def responses(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Informed:
    """A prompt with as many of the user's pairs before it as fitted: ``text``, and their number ``pairs``."""

    text: str
    pairs: int


@dataclass(frozen=True, eq=False)
class Histories:
    """The pairs of U users as text, each with its tokens.

    passages  of each user, in the order in which the pairs are known
    ends      of each user, tokens up to the end of each passage
    count     how many tokens texts have
    limit     tokens that a prompt may have with its history
    """

    passages: Sequence[Sequence[str]]
    ends: Sequence[np.ndarray]
    count: Count
    limit: int

    @classmethod
    def of(cls, known: PairBatch, texts: TextTable, count: Count, limit: int, most_pairs: int = MOST_PAIRS) -> Self:
        """Of the users of a batch, each one's first ``most_pairs``. The tokens of each pair are counted once."""
        passages: list[list[str]] = [[] for _ in range(known.n_users)]
        sides = (known.responses.text[rows].tolist() for rows in (known.chosen, known.rejected))
        for user, chosen, rejected in zip(known.segment.tolist(), *sides, strict=True):
            if len(passages[user]) < most_pairs:
                passages[user].append(
                    passage(texts.prompts[chosen], texts.responses[chosen], texts.responses[rejected])
                )
        tokens = np.asarray(count([text for mine in passages for text in mine]), dtype=np.int64)
        bounds = np.cumsum([len(mine) for mine in passages])[:-1]
        return cls(passages, [part.cumsum() for part in np.split(tokens, bounds)], count, limit)

    def before(self, users: Sequence[int], prompts: Sequence[str]) -> list[Informed]:
        """Each prompt after its user's history; the last pairs are left out until the rest fits the limit.

        The prompt itself is always whole, and stands alone where no pair fits or none is known.
        """
        (opening,) = self.count([OPENING])
        rooms = [self.limit - opening - tokens for tokens in self.count([REQUEST + prompt for prompt in prompts])]
        return [self._informed(*row) for row in zip(users, prompts, rooms, strict=True)]

    def _informed(self, user: int, prompt: str, room: int) -> Informed:
        fitting = int(np.searchsorted(self.ends[user], room, side="right"))
        if not fitting:
            return Informed(prompt, 0)
        return Informed("".join([OPENING, *self.passages[user][:fitting], REQUEST, prompt]), fitting)


def passage(prompt: str, chosen: str, rejected: str) -> str:
    """One pair as text; a prompt that is empty has no line."""
    asked = f"\nQuestion: {prompt}" if prompt else ""
    return f"\n{asked}\nPreferred answer: {chosen}\nOther answer: {rejected}"


@dataclass(frozen=True, eq=False)
class HistoryScorer:
    """Predicts a pair by log pi(y+|history, x) - log pi(y-|history, x), in nats.

    likelihood  log pi(response|prompt) of prompts and responses
    texts       the split's
    count       how many tokens texts have
    limit       tokens that a prompt may have with its history
    most_pairs  how many pairs a history may have, whatever their length
    """

    likelihood: Likelihood
    texts: TextTable
    count: Count
    limit: int
    most_pairs: int = MOST_PAIRS

    def __call__(self, known: PairBatch, pairs: PairBatch) -> Margin:
        """(N,) margins of ``pairs`` without variance; the base model's for a user without known pairs."""
        user, text, place = _asked(pairs)
        informed = self.prompts(known, user, text)
        responses = [self.texts.responses[row] for row in text]
        asked = self.likelihood([prompt.text for prompt in informed], responses)
        chosen, rejected = torch.as_tensor(asked, dtype=torch.float64, device=place.device)[place]  # (2,N)
        mean = chosen - rejected
        return Margin(mean, torch.zeros_like(mean))

    def prompts(self, known: PairBatch, users: Sequence[int], texts: Sequence[int]) -> list[Informed]:
        """The prompt of each text after the history of the user in the same place; each (user, prompt) built once."""
        histories = Histories.of(known, self.texts, self.count, self.limit, self.most_pairs)
        wanted = [(user, self.texts.prompts[text]) for user, text in zip(users, texts, strict=True)]
        distinct = list(dict.fromkeys(wanted))
        built = histories.before([user for user, _ in distinct], [prompt for _, prompt in distinct])
        found = dict(zip(distinct, built, strict=True))
        return [found[one] for one in wanted]


def _asked(pairs: PairBatch) -> tuple[list[int], list[int], Tensor]:
    """Users and texts whose likelihood is asked for, once each, and the places (2, N) of y+ and y- among them."""
    sides = [torch.stack([pairs.segment, pairs.responses.text[rows]], -1) for rows in (pairs.chosen, pairs.rejected)]
    unique, place = torch.unique(torch.cat(sides), dim=0, return_inverse=True)
    user, text = unique.unbind(-1)
    return user.tolist(), text.tolist(), place.view(2, -1)
