"""A table of generated texts as requests with their candidates."""

import json

import pandas as pd
import pytest
import torch

from prefactor.decoding.candidates import Candidates
from prefactor.errors import InputError


def generated() -> pd.DataFrame:
    """Two users' candidates to two prompts, sample by sample."""
    rows = [
        {
            "user_id": user,
            "group_id": f"group {prompt}",
            "prompt": f"Tell me of {prompt}.",
            "method": "base",
            "response": "" if (sample, prompt) == (1, "tea") else f"{prompt} " * (sample + 1) + user,
            "tokens": 10 + sample,
            "finished": sample != 2,
            "seconds": 0.5,
            "about": json.dumps({"sample": sample}),
            "sample": sample,
        }
        for sample in range(4)
        for user in ("zoe", "ben")
        for prompt in ("tea", "bread")
    ]
    return pd.DataFrame(rows, index=range(100, 116))


def test_requests_are_numbered_as_they_appear() -> None:
    table = generated()
    asked = Candidates.of_table(table, ["ann", "ben", "zoe"])
    assert asked.users.tolist() == [2, 2, 1, 1] and asked.segment.tolist() == [0, 1, 2, 3] * 4
    assert asked.prompts == ["Tell me of tea.", "Tell me of bread."] * 2
    assert asked.prompt_of_each() == table["prompt"].tolist() and asked.responses == table["response"].tolist()


def test_some_candidates_keep_their_requests() -> None:
    asked = Candidates.of_table(generated(), ["ben", "zoe"])
    some = asked.rows(torch.tensor([5, 2]))
    assert some.responses == [asked.responses[5], asked.responses[2]] and some.segment.tolist() == [1, 2]
    assert some.prompts == asked.prompts and torch.equal(some.users, asked.users)


def test_a_stranger_among_candidates_is_refused_without_a_name() -> None:
    with pytest.raises(InputError, match="row 0 of the candidates is of nobody among the 1 users") as error:
        Candidates.of_table(generated(), ["ben"])
    assert "zoe" not in str(error.value)
