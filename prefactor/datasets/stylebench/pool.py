"""The pool of the world: prompts, the responses to choose from, and how the scorers judge them."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from prefactor.datasets.stylebench.grammar import compose
from prefactor.datasets.stylebench.parameters import StylebenchParameters
from prefactor.datasets.stylebench.prompts import Prompt, draw_prompts
from prefactor.datasets.stylebench.recipe import Recipe, draw_recipes
from prefactor.datasets.stylebench.scorers import SCORERS, score
from prefactor.datasets.stylebench.topics import CONTEXTS
from prefactor.errors import InputError
from prefactor.preferences import content_id
from prefactor.progress import progress
from prefactor.seeds import mixed_seed

REDRAWS = 100  # attempts at a response that the prompt's pool does not have yet


@dataclass(frozen=True)
class Pool:
    """P prompts with R responses each.

    prompts    P prompts
    responses  P lists of R texts, all different
    scores     (P, R, 10) standardised over the pool, in the order of ``SCORERS``
    scaling    (2, 10) mean and standard deviation that raw scores were standardised with
    """

    prompts: list[Prompt]
    responses: list[list[str]]
    scores: np.ndarray
    scaling: np.ndarray

    def contexts(self) -> np.ndarray:
        """(P,) index of each prompt's context (group of topics) in ``CONTEXTS``."""
        return np.array([CONTEXTS.index(prompt.topic.context) for prompt in self.prompts])

    def group_ids(self) -> list[str]:
        return [content_id(prompt.text) for prompt in self.prompts]

    def texts(self) -> pa.Table:
        """The table ``texts``; the response r of prompt p is row p * R + r."""
        prompts = [prompt.text for prompt, pool in zip(self.prompts, self.responses, strict=True) for _ in pool]
        responses = [response for pool in self.responses for response in pool]
        identities = [content_id(*pair) for pair in zip(prompts, responses, strict=True)]
        return pa.table({"text_id": identities, "prompt": prompts, "response": responses})

    def candidates(self, text_ids: pa.ChunkedArray) -> pa.Table:
        """The table ``candidates``, row for row with ``texts``."""
        groups = np.repeat(np.array(self.group_ids(), dtype=object), self.scores.shape[1])
        columns = self.scores.reshape(-1, len(SCORERS)).T
        named = {name: pa.array(column) for name, column in zip(SCORERS, columns, strict=True)}
        return pa.table({"group_id": pa.array(groups, pa.string()), "text_id": text_ids, **named})


def make_pool(parameters: StylebenchParameters) -> Pool:
    """Draw prompts, write responses and score them. A larger world begins with the texts of a smaller one."""
    rng = np.random.default_rng(mixed_seed(parameters.seed, "stylebench", "prompts"))
    prompts = draw_prompts(parameters.prompts, rng)
    responses = []
    with progress("stylebench", len(prompts), "prompts") as shown:
        for index, prompt in enumerate(prompts):
            stream = np.random.default_rng(mixed_seed(parameters.seed, "stylebench", "responses", index))
            responses.append(_answer(prompt, parameters.responses, stream))
            shown.advance()
    raw = score(response for pool in responses for response in pool)
    scaling = np.stack([raw.mean(axis=0), raw.std(axis=0)])
    scaling[1] = np.where(scaling[1] > 0, scaling[1], 1.0)  # a style that no text of a tiny pool shows
    scores = (raw - scaling[0]) / scaling[1]
    return Pool(prompts, responses, scores.reshape(len(prompts), parameters.responses, len(SCORERS)), scaling)


def _answer(prompt: Prompt, count: int, rng: np.random.Generator) -> list[str]:
    """``count`` different responses to a prompt, each by a recipe of its own."""
    pool: list[str] = []
    for recipe in draw_recipes(count, rng):
        pool.append(_new_response(prompt, recipe, pool, rng))
    return pool


def _new_response(prompt: Prompt, recipe: Recipe, pool: list[str], rng: np.random.Generator) -> str:
    for _ in range(REDRAWS):
        response = compose(prompt.subject, recipe, rng)
        if response not in pool:
            return response
    raise InputError(f"stylebench: no further response to {prompt.text!r} after {len(pool)}: ask for fewer responses")
