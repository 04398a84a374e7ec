"""Prompts: many, all different, and readable."""

import re

import numpy as np

from prefactor.datasets.stylebench.prompts import MOST_PROMPTS, draw_prompts


def test_every_prompt_is_different_and_there_are_thousands():
    texts = [prompt.text for prompt in draw_prompts(MOST_PROMPTS, np.random.default_rng(0))]
    assert len(set(texts)) == len(texts) == MOST_PROMPTS >= 5000


def test_every_prompt_is_capitalised_punctuated_and_complete():
    for prompt in draw_prompts(MOST_PROMPTS, np.random.default_rng(0)):
        sentences = re.split(r"(?<=[.?])\s+", prompt.text)
        assert all(sentence[0].isupper() and sentence[-1] in ".?" for sentence in sentences), prompt.text
        assert not re.search(r"[{}<>\[\]]|\b(\w+) \1\b|  ", prompt.text), prompt.text
        assert prompt.subject.task in prompt.text


def test_a_larger_draw_begins_with_the_smaller_one():
    few, many = draw_prompts(5, np.random.default_rng(3)), draw_prompts(50, np.random.default_rng(3))
    assert few == many[:5]


def test_prompts_cover_all_topics():
    drawn = draw_prompts(300, np.random.default_rng(0))
    assert len({prompt.topic.name for prompt in drawn}) == 12
