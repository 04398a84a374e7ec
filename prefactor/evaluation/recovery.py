"""Was the taste itself recovered? A model's rewards against the users' true utility, where the truth is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from prefactor.cohorts import Cohort, StateView
from prefactor.evaluation.ceiling import Truth
from prefactor.methods.base import RewardModel, UserState
from prefactor.preferences import PairBatch, Responses, content_id

UTILITY_CORRELATION = "utility_correlation"
PROMPTS = 8  # times their candidates are comparisons of every user: more than evaluation pairs
ROWS_PER_CHUNK = 65_536  # bounds the users x candidates comparisons in memory


@dataclass(frozen=True)
class CandidatePool:
    """Q prompts of the evaluation with R candidates each, the same for all users.

    ``responses`` has Q x R rows, prompt by prompt; ``utility`` maps a role to its users' true utilities (U, Q, R).
    """

    responses: Responses
    utility: Mapping[str, Tensor]

    @classmethod
    def of(
        cls, truth: Truth, prepared: Path, split: Path, views: Mapping[str, StateView], cohorts: Mapping[str, Cohort]
    ) -> Self:
        """Prompts by the hash of their id: an arbitrary, fixed choice among those that evaluation pairs come from.

        ``views`` are what the model reads of a response, by name; the texts' own numbers are not known here.
        """
        groups = _candidates(prepared, split)
        names = [text for group in groups for text in group]
        shape = len(groups), len(groups[0])
        known = truth.gather(names).reshape(*shape, -1)  # (Q,R,S+1): scores, context
        scores, context = known[..., :-1], known[:, 0, -1].astype(int)
        utility = {}
        for role, cohort in cohorts.items():
            mine = np.stack([truth.utilities[user] for user in cohort.user_ids])[:, context]  # (U,Q,S)
            utility[role] = torch.from_numpy(np.einsum("uqs,qrs->uqr", mine, scores))
        read = {name: torch.from_numpy(view.gather(names)) for name, view in views.items()}
        return cls(Responses(read, torch.full((len(names),), -1)), utility)


@torch.no_grad()
def utility_correlations(model: RewardModel, users: UserState, pool: CandidatePool, utility: Tensor) -> Tensor:
    """(U,) Spearman's correlation of reward and true utility (U, Q, R) over a prompt's candidates, mean over prompts.

    Rewards of different prompts do not compare, so ranks are taken within a prompt. A prompt whose candidates a user
    finds equally good, or the model does, does not count; a user without any other has NaN.
    """
    size, candidates = utility[0].numel(), utility.shape[-1]
    found = []
    for rows in torch.arange(len(users)).split(max(1, ROWS_PER_CHUNK // size)):
        each = torch.arange(size)
        asked = PairBatch(
            responses=pool.responses,
            chosen=each.repeat(len(rows)),
            rejected=(each // candidates * candidates).repeat(len(rows)),  # against the prompt's first
            segment=torch.arange(len(rows)).repeat_interleave(size),
            users=torch.full((len(rows),), -1),
        )
        reward = model.compare(users.rows(rows), asked).mean.view(len(rows), -1, candidates)
        found.append(_rank_correlation(reward, utility[rows]).nanmean(-1))  # (u,Q) -> (u,)
    return torch.cat(found)


def _rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """(..., R), (..., R) -> (...,) Spearman's correlation, ties at their mean rank; NaN for a constant."""
    a, b = _centred_ranks(first), _centred_ranks(second)
    size = (a.square().sum(-1) * b.square().sum(-1)).sqrt()
    return torch.where(size > 0, (a * b).sum(-1) / size, torch.nan)


def _centred_ranks(values: Tensor) -> Tensor:
    """(..., R) -> (..., R) how many are below minus how many are above, in float64."""
    return torch.sign(values.unsqueeze(-1) - values.unsqueeze(-2)).double().sum(-1)


def _candidates(prepared: Path, split: Path) -> list[list[str]]:
    """Text ids of the candidates of PROMPTS evaluation prompts; of all with the most common number of candidates.

    A candidate that nobody compared has no states, and is no candidate here.
    """
    wanted = pq.read_table(split / "pairs.parquet", columns=["group_id"], filters=[("part", "=", "evaluation")])
    table = pq.read_table(prepared / "candidates.parquet", columns=["group_id", "text_id"]).to_pandas()
    texts = pq.read_table(prepared / "texts.parquet", columns=["text_id"])["text_id"].to_pylist()
    kept = table["group_id"].isin(wanted["group_id"].to_pylist()) & table["text_id"].isin(texts)
    groups = table[kept].groupby("group_id")["text_id"].apply(list)
    size = groups.map(len).mode()[0]
    chosen = groups[groups.map(len) == size]
    order = np.argsort([content_id(name) for name in chosen.index])
    return [chosen.iloc[number] for number in order[:PROMPTS]]
