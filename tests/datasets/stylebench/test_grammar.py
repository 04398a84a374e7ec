"""Responses read as English, answer their subject, stay short and show their recipe."""

import re

import numpy as np
import pytest

from prefactor.datasets.stylebench.grammar import compose
from prefactor.datasets.stylebench.phrases import contracted
from prefactor.datasets.stylebench.prompts import Prompt, draw_prompts
from prefactor.datasets.stylebench.recipe import STYLES, draw_recipes


@pytest.fixture(scope="module")
def written() -> list[tuple[Prompt, str]]:
    rng = np.random.default_rng(0)
    return [
        (prompt, compose(prompt.subject, recipe, rng))
        for prompt in draw_prompts(150, rng)
        for recipe in draw_recipes(8, rng)
    ]


def test_length(written):
    lengths = [len(text.split()) for _, text in written]
    assert 55 <= np.mean(lengths) <= 75
    assert max(lengths) <= 150 and min(lengths) >= 8


def test_every_sentence_begins_and_ends_as_it_should(written):
    for _, text in written:
        for line in filter(None, text.split("\n")):
            sentences = re.split(r"(?<=[.!?])\s+", re.sub(r"^(?:-|\d\.) ", "", line))
            for sentence in sentences:
                assert sentence[0].isupper() or sentence[0].isdigit(), text
                assert sentence[-1] in ".!?:", text


def test_no_blemishes(written):
    blemishes = re.compile(
        r"[{}<>\[\]]|\b(\w+)\s+\1\b|  |\s[.,;:!?]|[,;:]\s*[.,;:!?]|\b[Aa] [aeiou]\w|\b[Aa]n (?!hour|honest)[^aeiou\W]"
        r"|lorem|placeholder|todo|\bi\b|'s to\b",
    )
    for _, text in written:
        assert not (found := blemishes.search(text)), (found, text)


def test_responses_give_advice_on_their_subject(written):
    for prompt, text in written:
        assert any(
            contracted(do) in contracted(text) for do, _ in (given(advice) for advice in prompt.subject.advice)
        ), text


def given(advice: tuple[str, str]) -> tuple[str, str]:
    """Advice as it can appear after its first letter, which a frame may capitalise."""
    return advice[0][1:], advice[1]


def test_contractions_stay_out_of_clause_ends():
    assert (
        contracted("It is late, and I do not know what time it is.") == "It's late, and I don't know what time it is."
    )
    assert contracted("That is all there is to it.") == "That's all there is to it."


def test_recipes_are_evenly_spread_and_independent():
    rng = np.random.default_rng(0)
    levels = np.array([[recipe[style] for style in STYLES] for _ in range(400) for recipe in draw_recipes(8, rng)])
    per_prompt = np.sort(levels.reshape(400, 8, len(STYLES)), axis=1)
    floor = np.arange(8)[None, :, None] / 8
    assert ((per_prompt >= floor) & (per_prompt <= floor + 1 / 8)).all()
    assert np.abs(np.corrcoef(levels.T) - np.eye(len(STYLES))).max() < 0.08
