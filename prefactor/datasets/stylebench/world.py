"""A small world where everything is known: texts of known style, people of known taste, and what they choose."""

from pathlib import Path
from typing import Any

from prefactor.datasets.stylebench.choices import make_pairs
from prefactor.datasets.stylebench.parameters import StylebenchParameters
from prefactor.datasets.stylebench.pool import Pool, make_pool
from prefactor.datasets.stylebench.population import Population, make_population
from prefactor.datasets.stylebench.scorers import SCORERS
from prefactor.datasets.stylebench.topics import CONTEXTS
from prefactor.preferences import Preferences


def load(parameters: StylebenchParameters, input: Path) -> Preferences:
    """Generate the world. ``input`` is the signature of a source and is not read: nothing here comes from a file.

    A user's score of a response is ``utility . scores``; see ``Population.table`` for the truth kept in ``users``.
    ``source`` holds, beside what every source says: ``scaling`` (mean and deviation by which raw scores of any text
    become the standardised ones of ``candidates``), ``quality`` (the vector shared by all users), ``contexts``
    (names, in the order of a user's ``utilities``) and ``context_of`` (group_id -> context).
    """
    pool = make_pool(parameters)
    people = make_population(parameters, pool.scores)
    texts = pool.texts()
    pairs, dropped = make_pairs(parameters, pool, people, texts["text_id"])
    return Preferences(
        texts=texts,
        pairs=pairs,
        users=people.table(),
        candidates=pool.candidates(texts["text_id"]),
        source=_source(pool, people, dropped),
    )


def _source(pool: Pool, people: Population, dropped: dict[str, int]) -> dict[str, Any]:
    contexts = [prompt.topic.context for prompt in pool.prompts]
    return {
        "name": "stylebench",
        "empty_prompts": False,
        "dropped": dropped,
        "noted": {},
        "scorers": list(SCORERS),
        "truth": True,
        "scaling": {name: pool.scaling[:, column].tolist() for column, name in enumerate(SCORERS)},
        "quality": people.quality.tolist(),
        "contexts": list(CONTEXTS),
        "context_of": dict(zip(pool.group_ids(), contexts, strict=True)),
    }
