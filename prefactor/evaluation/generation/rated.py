"""Candidates as every user has them: with gold utility, and the rewards of the models that can judge a new text."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from prefactor.decoding.people import People
from prefactor.decoding.workshop import Workshop
from prefactor.errors import InputError
from prefactor.evaluation.generation.candidates import REWARD, SPREAD
from prefactor.evaluation.generation.utility import for_everyone, with_utility
from prefactor.judging.gold import GoldUtility


@dataclass(frozen=True)
class Rated:
    """``table`` is one for ``candidate_sets``; ``left_out`` says of the models that rate nothing why."""

    table: pd.DataFrame
    left_out: dict[str, str]

    @property
    def models(self) -> list[str]:
        """Whose rewards there are."""
        return [name.removeprefix(REWARD) for name in self.table.columns if str(name).startswith(REWARD)]


def rated(
    workshop: Workshop,
    candidates: pd.DataFrame,
    gold: GoldUtility,
    spread: pd.Series,
    models: Sequence[str],
    known: int | None = None,
) -> Rated:
    """Every user with every candidate, rated by reward models of the run that know ``known`` pairs of each user.

    None for as many as the writers. A model that cannot judge a new text is left out.
    """
    people, left_out = workshop.people, dict[str, str]()
    table = with_utility(for_everyone(people.user_ids, candidates), gold)
    table = table.assign(scale=table["user_id"].map(spread))
    users, request = _requests(table, people)
    for name in models:
        try:
            rewards = workshop.rewards(name, known)
            texts = rewards.read(table["prompt"].tolist(), table["response"].tolist())
        except InputError as error:
            left_out[f"choices by {name}"] = str(error)
            continue
        found = rewards.among(texts, users, request)
        table[f"{REWARD}{name}"] = found.mean.double().cpu().numpy()
        if found.std.any():
            table[f"{SPREAD}{name}"] = found.std.double().cpu().numpy()
    return Rated(table, left_out)


def _requests(table: pd.DataFrame, people: People) -> tuple[Tensor, Tensor]:
    """The user (S,) of each request, and the request (N,) of each row."""
    request, _ = pd.factorize(pd.MultiIndex.from_frame(table[["user_id", "group_id"]]))
    first = table.loc[~pd.Series(request).duplicated()]
    number = {user_id: row for row, user_id in enumerate(people.user_ids)}
    return torch.tensor(first["user_id"].map(number).to_numpy()), torch.from_numpy(request)
