"""How a trained model scores every candidate of every user: all users at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from prefactor.methods.base import Margin, RewardModel
from prefactor.preferences import PairBatch, Responses

ROWS_AT_ONCE = 16_384  # users x candidates in memory together, each with its features


@dataclass(frozen=True)
class Candidates:
    """N candidates of U users, in sets.

    user      (N,) number of the user
    turn      (N,) which of the user's sets, from 0
    text      (N,) row of the candidate among ``text_ids``
    text_ids  the different candidates
    """

    user: Tensor
    turn: Tensor
    text: Tensor
    text_ids: tuple[str, ...]

    @classmethod
    def of(cls, pool: pd.DataFrame, user_ids: tuple[str, ...]) -> Self:
        """Of a table with columns ``user``, each one of ``user_ids``, ``query`` and ``candidate``."""
        user = pd.Index(user_ids).get_indexer(pool["user"])
        query, queries = pd.factorize(pool["query"])
        text, text_ids = pd.factorize(pool["candidate"])
        sets, place = np.unique(user * len(queries) + query, return_inverse=True)
        owner = sets // max(len(queries), 1)
        turn = np.arange(len(sets)) - np.searchsorted(owner, owner)
        numbers = [torch.from_numpy(one.astype(np.int64)) for one in (user, turn[place], text)]
        return cls(numbers[0], numbers[1], numbers[2], tuple(text_ids))

    def pieces(self, rows: int) -> Iterator[tuple[int, int, list[Tensor]]]:
        """Users first .. last - 1, and the rows (n,) of one set of each at a time: at most ``rows``, or one user's."""
        if not len(self.user):
            return
        turns = int(self.turn.max()) + 1
        size = int(torch.unique(self.user * turns + self.turn, return_counts=True)[1].max())
        users = max(1, rows // size)
        block = self.user // users
        for number in torch.unique(block).tolist():
            here = (block == number).nonzero().flatten()
            here = here[torch.argsort(self.turn[here], stable=True)]
            counts = torch.bincount(self.turn[here]).tolist()
            yield number * users, (number + 1) * users, [*here.split(counts)]


@dataclass(frozen=True)
class Rating:
    """What a model says of candidates, and offers as doubt about whose they are.

    margin  each candidate's reward less the mean over its set, (N,) in logits
    doubts  (U,) by name, growing with doubt; NaN for users without candidates
    """

    margin: Margin
    doubts: Mapping[str, Tensor]


@torch.no_grad()
def rate(
    model: RewardModel, known: PairBatch, texts: Responses, candidates: Candidates, rows: int = ROWS_AT_ONCE
) -> Rating:
    """Every candidate's rating, by what is ``known`` of the users.

    ``texts`` are the candidates, row by row. A model that can read them before it knows whose they are reads each of
    them once; others once for each user, at most ``rows`` at a time.
    """
    read = model.read(texts)
    mean, variance = torch.zeros(2, len(candidates.user))
    doubts: dict[str, Tensor] = {}
    for first, last, sets in candidates.pieces(rows):
        users = model.adapt(known.users_between(first, last))
        for name, doubt in model.uncertainties(users).items():
            doubts.setdefault(name, torch.full((known.n_users,), torch.nan))[first:last] = doubt
        for found in sets:
            segment = candidates.user[found] - first
            margin = model.against_mean_of(users, read[candidates.text[found]], segment)
            mean[found], variance[found] = margin.mean, margin.variance
    return Rating(Margin(mean, variance), doubts)
