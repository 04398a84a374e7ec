"""The forms of a training conversation: plain, with an attribute's system prompt, with an attributes line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from prefactor.attributes import with_attributes
from prefactor.backbones.stylelm.attributes import system_prompt
from prefactor.backbones.stylelm.corpus import Answers
from prefactor.backbones.stylelm.parameters import FormShares

MOST_NAMED = 3  # attributes of one line


@dataclass(frozen=True)
class Turns:
    """What comes before a response: a system prompt, or none, and what the user says."""

    system: str | None
    user: str


def vocabulary_texts(answers: Answers, attributes: list[str], threshold: float) -> Iterator[str]:
    """What a tokenizer is trained on: every prompt and response, and the ways to ask for each response's attributes.

    So that an attribute's name, which responses seldom hold, is one token.
    """
    yield from answers.prompts
    yield from answers.responses
    for named in answers.having(attributes, threshold):
        yield with_attributes("", named)
        yield from (system_prompt(attribute) for attribute in named)


def plain(prompt: str) -> Turns:
    """The prompt alone."""
    return Turns(None, prompt)


def with_system(prompt: str, attribute: str | None) -> Turns:
    """A system prompt that asks for one attribute, or the neutral one."""
    return Turns(system_prompt(attribute), prompt)


def with_line(prompt: str, attributes: Sequence[str]) -> Turns:
    """A last line of the prompt that names attributes."""
    return Turns(None, with_attributes(prompt, attributes))


def draw(prompt: str, attributes: Sequence[str], shares: FormShares, random: np.random.Generator) -> Turns:
    """The turns before a response that has ``attributes``, in a form drawn at random.

    Where the response has none, its system prompt is neutral and its line is left out.
    """
    form = random.choice(3, p=(shares.plain, shares.system, shares.attributes))
    if form == 0:
        return plain(prompt)
    if form == 1:
        neutral = not attributes or random.random() < shares.neutral
        return with_system(prompt, None if neutral else attributes[int(random.integers(len(attributes)))])
    named = random.permutation(len(attributes))[: random.integers(1, MOST_NAMED + 1)].tolist()
    return with_line(prompt, [attributes[number] for number in named])
