"""Candidate answers to requests: several texts each, of which one will be chosen."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from prefactor.decoding.people import Asked
from prefactor.decoding.writers.requests import Answer
from prefactor.errors import InputError

REQUEST = ["user_id", "group_id", "prompt"]
COLUMNS = [*REQUEST, "method", "response", "tokens", "finished", "seconds", "about"]


@dataclass(frozen=True)
class Candidates:
    """N candidates of S requests.

    users      (S,) whose request it is
    prompts    S prompts
    responses  N candidates
    segment    (N,) the request of each, in [0, S)
    """

    users: Tensor
    prompts: Sequence[str]
    responses: Sequence[str]
    segment: Tensor

    @classmethod
    def of_table(cls, table: pd.DataFrame, user_ids: Sequence[str]) -> Self:
        """From generated texts, one row a candidate; ``user_ids`` name the users in the order of their numbers.

        Requests are numbered as they first appear. Raises InputError for a user who is not among ``user_ids``.
        """
        segment, first = requests_of(table)
        number = {user_id: place for place, user_id in enumerate(user_ids)}
        users = first["user_id"].map(number)
        if users.isna().any():
            row = int(first.index[users.isna()][0])
            raise InputError(
                f"row {row} of the candidates is of nobody among the {len(number)} users: adapt to them first"
            )
        numbers = torch.from_numpy(users.to_numpy("int64").copy())
        return cls(numbers, first["prompt"].tolist(), table["response"].tolist(), segment)

    def rows(self, index: Tensor) -> Self:
        """Some of the candidates: (M,) rows; requests keep their numbers."""
        responses = [self.responses[row] for row in index.tolist()]
        return replace(self, responses=responses, segment=self.segment[index])

    def prompt_of_each(self) -> list[str]:
        """N prompts, one a candidate."""
        return [self.prompts[number] for number in self.segment.tolist()]


def requests_of(table: pd.DataFrame) -> tuple[Tensor, pd.DataFrame]:
    """(N,) each row's request, and the first row of every request, with its place in the table as index."""
    keyed = table[REQUEST].reset_index(drop=True)
    segment = keyed.groupby(REQUEST, sort=False, dropna=False).ngroup()
    return torch.from_numpy(segment.to_numpy("int64").copy()), keyed[~segment.duplicated()]


def answer_table(asked: Sequence[Asked], answers: Sequence[Answer]) -> pd.DataFrame:
    """One row an answer to N prompts: the text, its tokens, whether it came to an end by itself, what is behind it."""
    return pd.DataFrame(
        {
            "group_id": [one.group_id for one in asked],
            "prompt": [one.prompt for one in asked],
            "response": [answer.written.text for answer in answers],
            "tokens": np.array([answer.written.tokens for answer in answers], dtype=np.int32),
            "finished": [answer.written.finished for answer in answers],
            "about": [json.dumps(_plain(answer.about)) for answer in answers],
        }
    )


def _plain(about: Mapping[str, Any]) -> dict[str, Any]:
    """What is behind a text as JSON has it: names, numbers, and lists or objects of them."""
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in about.items()}
