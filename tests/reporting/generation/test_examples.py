"""Texts to read: users by number, no ids, what is behind a text in words."""

import json

import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.reporting.generation.examples import LONGEST, behind, examples_of
from tests.reporting.generation.made_up import SECRET


def table() -> pd.DataFrame:
    rows = [
        (user, f"prompt {prompt}", method, f"{method} writes", float(place), "{}")
        for user in (3, 1, 2)
        for prompt in range(4)
        for place, method in enumerate(["exact", "base", "drift"])
    ]
    return pd.DataFrame(rows, columns=["user", "prompt", "method", "response", "utility", "about"])


def test_a_few_users_with_two_prompts_each() -> None:
    found = examples_of(table(), 2)
    assert [(request.user, request.prompt) for request in found] == [(u, f"prompt {p}") for u in (1, 2) for p in (0, 1)]
    assert [text.label for text in found[0].texts] == ["Base model", "Drift", "EXACT"]
    assert [text.best for text in found[0].texts] == [False, True, False] and found[0].judged
    assert examples_of(table(), 0) == () and examples_of(table()[:0], 3) == ()


def test_texts_may_be_empty_long_or_unjudged() -> None:
    odd = table()[:2].assign(response=[" ", "x" * 9_000], utility=None)
    (request,) = examples_of(odd, 1)
    assert not request.judged and request.texts[1].response == "(empty)"
    assert len(request.texts[0].response) == LONGEST and request.texts[0].response.endswith("…")


def test_what_is_behind_a_text_is_said_without_ids() -> None:
    about = {
        "attributes": {"formal": -0.2, "concise": 0.7},
        "bases": ["terse"],
        "retrieved": SECRET,
        "similarity": 0.5,
        "candidates": 8,
        "source": SECRET,
        "kept": True,
    }
    said = behind(json.dumps(about))
    assert said == (
        "attributes: concise +0.70, formal −0.20; bases: terse; from one of the user's earlier prompts; "
        "similarity 0.50; best of 8 candidates"
    )
    assert behind("{}") == "" and behind('{"attributes": []}') == ""


@pytest.mark.parametrize("about", ["no JSON at all", "[1]"])
def test_what_is_no_object_is_refused_without_repeating_it(about: str) -> None:
    with pytest.raises(InputError, match="must hold JSON objects") as error:
        behind(about)
    assert about not in str(error.value)
