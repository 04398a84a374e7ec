"""Pairs that EXACT and Drift learn from: the best and the worst base candidate of a person's profile queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from prefactor.datasets.lamp.candidates import PROFILE
from prefactor.decoding.likelihoods import Texts
from prefactor.decoding.policies.queries import Query
from prefactor.decoding.policies.words import Words
from prefactor.preferences import PairBatch, Responses, content_id


@dataclass(frozen=True)
class Feedback:
    """N pairs of some queries.

    texts  both texts of each pair, side by side: pair n has rows 2n (best) and 2n + 1 (worst)
    query  (N,) whose pair it is
    """

    texts: Texts
    query: np.ndarray

    @classmethod
    def of(cls, queries: Sequence[Query], asked: np.ndarray, responses: Sequence[str], worth: np.ndarray) -> Self:
        """From candidates: (C,) their queries, their texts, and what these are worth (C,).

        Of equally good texts the first. A query whose texts are worth the same, and one with no text but blank ones,
        has no pair; no question has any: it is what is evaluated.
        """
        found = []
        written = np.array([bool(text.strip()) for text in responses], dtype=bool)
        for number, query in enumerate(queries):
            rows = np.flatnonzero((asked == number) & written)
            if query.kind == PROFILE and len(rows) and worth[rows].max() > worth[rows].min():
                found.append((number, rows[worth[rows].argmax()], rows[worth[rows].argmin()]))
        prompts = [queries[number].prompt for number, *_ in found for _ in range(2)]
        chosen = [responses[row] for _, *rows in found for row in rows]
        ids = [content_id(*texts) for texts in zip(prompts, chosen, strict=True)]
        return cls(Texts(ids, prompts, chosen), np.array([number for number, *_ in found], dtype=np.int64))

    def known(self, queries: Sequence[Query]) -> PairBatch:
        """For each query, as if it were a user, the pairs of its person's other queries.

        Never its own, nor those of a query with the words of its prompt or of its answer: their best text is the one
        nearest to that answer.
        """
        words = [Words.of(query) for query in queries]
        owner = np.array([queries[number].person for number in self.query], dtype=np.int64)
        pairs, segment = [], []
        for number, query in enumerate(queries):
            theirs = np.flatnonzero(owner == query.person)
            mine = [row for row in theirs.tolist() if not words[self.query[row]].tell(words[number])]
            pairs.append(np.array(mine, dtype=np.int64))
            segment.append(np.full(len(mine), number))
        pair = torch.from_numpy(np.concatenate([np.empty(0, dtype=np.int64), *pairs]))
        users = torch.from_numpy(np.concatenate([np.empty(0, dtype=np.int64), *segment]))
        responses = Responses({}, torch.arange(len(self.texts)))
        return PairBatch(responses, 2 * pair, 2 * pair + 1, users, torch.full((len(queries),), -1))
