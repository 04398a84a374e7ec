"""How a trained model scores every candidate of every user: all users at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from prefactor.methods.base import Margin, RewardModel, UserState
from prefactor.methods.factorised import FactorisedReward
from prefactor.preferences import PairBatch, Responses
from prefactor.segments import segment_mean

ROWS_AT_ONCE = 16_384  # users x candidates in memory together, each with its features

Judge = Callable[[UserState, Tensor, Tensor], Margin]


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
        turns = int(self.turn.max()) + 1
        size = int(torch.unique(self.user * turns + self.turn, return_counts=True)[1].max())
        users = max(1, rows // size)
        block = self.user // users
        for number in torch.unique(block).tolist():
            here = (block == number).nonzero().flatten()
            here = here[torch.argsort(self.turn[here], stable=True)]
            counts = torch.bincount(self.turn[here]).tolist()
            yield number * users, (number + 1) * users, [*here.split(counts)]


@torch.no_grad()
def rate(
    model: RewardModel, known: PairBatch, texts: Responses, candidates: Candidates, rows: int = ROWS_AT_ONCE
) -> Margin:
    """Each candidate's reward less the mean over its set, (N,) in logits, by what is ``known`` of the users.

    ``texts`` are the candidates, row by row. Factorised rewards read each of them once, whoever's it is; others once
    for each user, at most ``rows`` at a time.
    """
    judge = _judge(model, texts)
    mean, variance = torch.zeros(2, len(candidates.user))
    for first, last, sets in candidates.pieces(rows):
        users = model.adapt(known.users_between(first, last))
        for found in sets:
            margin = judge(users, candidates.text[found], candidates.user[found] - first)
            mean[found], variance[found] = margin.mean, margin.variance
    return Margin(mean, variance)


@torch.no_grad()
def user_doubts(models: Sequence[RewardModel], known: PairBatch) -> dict[str, np.ndarray]:
    """(U,) by name: what models of several training seeds offer as doubt about each user, their mean."""
    found = [model.uncertainties(model.adapt(known)) for model in models]
    return {name: np.mean([each[name].numpy() for each in found], axis=0) for name in found[0]}


def _judge(model: RewardModel, texts: Responses) -> Judge:
    """How the model scores sets of texts, one set for each of the users it is asked for."""
    if isinstance(model, FactorisedReward) and type(model).against_mean is FactorisedReward.against_mean:
        return _factorised(model, model.basis(texts))

    def judge(users: UserState, text: Tensor, segment: Tensor) -> Margin:
        return model.against_mean(users, texts[text], segment)

    return judge


def _factorised(model: FactorisedReward, phi: Tensor) -> Judge:
    """From the texts' basis rewards (T, K)."""

    def judge(users: UserState, text: Tensor, segment: Tensor) -> Margin:
        own = phi[text]  # (n,K)
        return model.judge(users, segment, own - segment_mean(own, segment, len(users))[segment])

    return judge
