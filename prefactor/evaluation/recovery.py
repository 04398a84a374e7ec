"""Was the taste itself recovered? A model's rewards against the users' true utility, where the truth is known.

A user's true utility of a response is w . s, of its S standardised scores s. A reward model reads no scores, so its w
is read off its rewards: the least-squares weights of the scores, both centred within each prompt, because rewards of
different prompts do not compare. Rewards are defined up to a positive scale, and so is w: figures are of its direction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow.parquet as pq
import torch
from torch import Tensor

from prefactor.cohorts import Cohort, StateView
from prefactor.evaluation.accuracy import asked_of_everyone
from prefactor.evaluation.ceiling import Truth
from prefactor.evaluation.compared import compared_candidates, least
from prefactor.methods.base import RewardModel, UserState
from prefactor.preferences import PairBatch, Responses

UTILITY_CORRELATION = "utility_correlation"
WEIGHT_COSINE, WEIGHT_DISTANCE = "weight_cosine", "weight_distance"
RECOVERY = (UTILITY_CORRELATION, WEIGHT_COSINE, WEIGHT_DISTANCE)
PROMPTS = 32  # times their candidates are comparisons of every user; of 8, chance in w took .04 from a cosine of .88
LEAST = 1e-6  # logits, of a w's size: below it a reward is the same for all candidates but for rounding


@dataclass(frozen=True)
class CandidatePool:
    """Q prompts of the evaluation with R candidates each, the same for all users.

    responses  Q x R rows, prompt by prompt
    scores     (Q, R, S) their standardised true scores
    truth      role -> what its users truly want
    """

    responses: Responses
    scores: Tensor
    truth: Mapping[str, "Tastes"]

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
        tastes = {}
        for role, cohort in cohorts.items():
            utility = truth.utilities_of(cohort.user_ids, names).reshape(-1, *shape)  # (U,Q*R) -> (U,Q,R)
            weight = truth.tastes(cohort.user_ids)[:, context].mean(1)  # (U,Q,S) -> (U,S)
            tastes[role] = Tastes(torch.from_numpy(utility), torch.from_numpy(weight))
        read = {name: torch.from_numpy(view.gather(names)) for name, view in views.items()}
        return cls(Responses(read, torch.full((len(names),), -1)), torch.from_numpy(scores), tastes)


@dataclass(frozen=True)
class Tastes:
    """What users truly want: ``utility`` (U, Q, R) of every candidate, and ``weight`` (U, S), the w behind it.

    What all users share is part of w; where it depends on the context, ``weight`` is the mean over the prompts.
    """

    utility: Tensor
    weight: Tensor

    def between(self, first: int, last: int) -> Self:
        """Of users first .. last - 1."""
        return type(self)(self.utility[first:last], self.weight[first:last])


def recovered(model: RewardModel, users: UserState, pool: CandidatePool, truth: Tastes) -> dict[str, Tensor]:
    """Each of RECOVERY, (U,), of users whose ``truth`` is given.

    ``utility_correlation``  Spearman's, of reward and true utility over a prompt's candidates, mean over prompts
    ``weight_cosine``        of the w that fits the rewards with the true one
    ``weight_distance``      L1, between the two divided by their sums of absolute values: 0 to 2
    """
    reward = rewards(model, users, pool)
    weight = fitted_weights(reward, pool.scores)
    return {
        UTILITY_CORRELATION: utility_correlations(reward, truth.utility),
        WEIGHT_COSINE: cosine(weight, truth.weight),
        WEIGHT_DISTANCE: distance(weight, truth.weight),
    }


def rewards(model: RewardModel, users: UserState, pool: CandidatePool) -> Tensor:
    """(U, Q, R) rewards of the candidates, in logits, above that of the prompt's first."""
    prompts, candidates = pool.scores.shape[:2]
    each = torch.arange(prompts * candidates)
    nobody = torch.full((1,), -1)
    pairs = PairBatch(pool.responses, each, each // candidates * candidates, torch.zeros_like(each), nobody)
    found = torch.cat([margin.mean for margin in asked_of_everyone(model, users, pairs)])  # (U,Q*R)
    return found.view(len(users), prompts, candidates)


def utility_correlations(reward: Tensor, utility: Tensor) -> Tensor:
    """(U, Q, R), (U, Q, R) -> (U,) Spearman's correlation over a prompt's candidates, mean over prompts.

    A prompt whose candidates a user finds equally good, or the model does, does not count; a user without any other
    has NaN.
    """
    return _rank_correlation(reward, utility).nanmean(-1)  # (U,Q) -> (U,)


def fitted_weights(reward: Tensor, scores: Tensor) -> Tensor:
    """(U, Q, R), (Q, R, S) -> (U, S) least-squares weights of the scores, all users at once, in float64.

    NaN for all if the candidates do not tell the scores apart: then no w is the one that fits best.
    """
    design = (scores - scores.mean(1, keepdim=True)).flatten(0, 1).double()  # (Q*R,S)
    target = (reward - reward.mean(2, keepdim=True)).flatten(1).double()  # (U,Q*R)
    if torch.linalg.matrix_rank(design) < design.shape[1]:
        return target.new_full((len(target), design.shape[1]), torch.nan)
    return torch.linalg.lstsq(design, target.T).solution.T  # (Q*R,S)\(Q*R,U) -> (S,U)


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """(U, S), (U, S) -> (U,); NaN where either is 0."""
    return (_unit(first, 2) * _unit(second, 2)).sum(-1)


def distance(first: Tensor, second: Tensor) -> Tensor:
    """(U, S), (U, S) -> (U,) sum of absolute differences of vectors scaled to absolute sum 1; NaN where either is 0."""
    return (_unit(first, 1) - _unit(second, 1)).abs().sum(-1)


def _unit(vectors: Tensor, order: int) -> Tensor:
    """(U, S) scaled to norm 1; NaN for those that are 0 but for rounding."""
    size = torch.linalg.vector_norm(vectors, order, -1, keepdim=True)
    return torch.where(size > LEAST, vectors / size, torch.nan)


def _rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """(..., R), (..., R) -> (...,) Spearman's correlation, ties at their mean rank; NaN for a constant."""
    a, b = _centred_ranks(first), _centred_ranks(second)
    size = (a.square().sum(-1) * b.square().sum(-1)).sqrt()
    return torch.where(size > 0, (a * b).sum(-1) / size, torch.nan)


def _centred_ranks(values: Tensor) -> Tensor:
    """(..., R) -> (..., R) how many are below minus how many are above, in float64."""
    return torch.sign(values.unsqueeze(-1) - values.unsqueeze(-2)).double().sum(-1)


def _candidates(prepared: Path, split: Path) -> list[list[str]]:
    """Text ids of the candidates of PROMPTS evaluation prompts; of all with the most common number of candidates."""
    wanted = pq.read_table(split / "pairs.parquet", columns=["group_id"], filters=[("part", "=", "evaluation")])
    table = compared_candidates(prepared)
    groups = table[table["group_id"].isin(wanted["group_id"].to_pylist())].groupby("group_id")["text_id"].apply(list)
    size = groups.map(len).mode()[0]
    return [groups[name] for name in least(groups.index[groups.map(len) == size], PROMPTS)]
