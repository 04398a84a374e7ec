"""What an answer is worth to a user beside another one, by a reward model, and which of its bases say so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from prefactor.decoding.basis_weights import WITH_BASES
from prefactor.decoding.rewards import PersonalRewards

MOST_BASES, LEAST_SHARE = 3, 0.05  # what is worth naming of a user's weights


@dataclass(frozen=True)
class Basis:
    """One of a reward model's bases, by its number: how much it weighs, and what it is called, if anybody knows."""

    number: int
    share: float
    name: str | None


@dataclass(frozen=True)
class Verdict:
    """The user's reward of an answer less that of another one to the same prompt.

    mean, std    in logits
    probability  that the user prefers the answer
    bases        the largest of the user's weights, of a model that has some
    """

    model: str
    mean: float
    std: float
    probability: float
    bases: Sequence[Basis] = ()


def verdict_on(
    text: str, other: str, prompt: str, rewards: PersonalRewards, user: int = 0, names: Mapping[int, str] | None = None
) -> Verdict:
    """How ``user``, a row of ``rewards``, judges two answers; ``names`` are what the model's bases are called."""
    margin = rewards.compare(torch.tensor([user]), [prompt], [text], [other])
    mean, std, probability = (float(one) for one in (margin.mean, margin.variance.sqrt(), margin.probability()))
    return Verdict(rewards.model.name, mean, std, probability, _largest(rewards, user, names or {}))


def _largest(rewards: PersonalRewards, user: int, names: Mapping[int, str]) -> list[Basis]:
    if not isinstance(rewards.model, WITH_BASES):
        return []
    weights = rewards.users["weight"][user]  # (K,)
    share, number = weights.topk(min(MOST_BASES, len(weights)))
    found = zip(number.tolist(), share.tolist(), strict=True)
    return [Basis(basis, weight, names.get(basis)) for basis, weight in found if weight >= LEAST_SHARE]
