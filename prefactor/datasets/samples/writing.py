"""Where samples get their words: prompts and responses by stylebench's grammar, and people who judge them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prefactor.datasets.stylebench.grammar import compose
from prefactor.datasets.stylebench.prompts import MOST_PROMPTS, Prompt, draw_prompts
from prefactor.datasets.stylebench.recipe import draw_recipes
from prefactor.datasets.stylebench.scorers import SCORERS, score
from prefactor.seeds import mixed_seed

UNICODE = "Ünïcödé, 日本語, עברית, 👩‍🔬 and a\u00a0non-breaking space."
LONG = 60_000  # characters of a very long text: below the gate's limit


@dataclass(frozen=True)
class Question:
    """A prompt's text with R responses."""

    text: str
    prompt: Prompt
    responses: list[str]

    def scores(self, count: int | None = None) -> np.ndarray:
        """(R, 10) by the ten styles, of all responses or of the first ``count``."""
        return score(self.responses[:count])


def questions(count: int, responses: int, seed: int, paragraphs: int = 1) -> Iterator[Question]:
    """``count`` different questions; a response is ``paragraphs`` answers one after the other."""
    known = draw_prompts(min(count, MOST_PROMPTS), np.random.default_rng(mixed_seed(seed, "samples", "prompts")))
    for index in range(count):
        rng = np.random.default_rng(mixed_seed(seed, "samples", "responses", index))
        prompt, again = known[index % len(known)], index // len(known)
        recipes = draw_recipes(responses, rng)
        texts = ["\n\n".join(compose(prompt.subject, recipe, rng) for _ in range(paragraphs)) for recipe in recipes]
        text = prompt.text if not again else f"{prompt.text} I ask for the {again + 1}. time."
        yield Question(text, prompt, texts)


def tastes(people: int, alpha: float, seed: int) -> np.ndarray:
    """(people, 10) how much of each style somebody wants, on the simplex."""
    stream = np.random.default_rng(mixed_seed(seed, "samples", "tastes"))
    return stream.dirichlet(np.full(len(SCORERS), alpha), size=people)


def lengthened(text: str) -> str:
    """The text over and over, until it is very long."""
    return (text + " ") * (LONG // (len(text) + 1))


def first_sentences(text: str, count: int) -> str:
    """The beginning of a text, as a summary might have it."""
    sentences = text.replace("\n", " ").split(". ")
    kept = ". ".join(sentences[:count])
    return kept if kept.endswith((".", "!", "?")) else kept + "."
