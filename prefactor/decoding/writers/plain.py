"""The base model: the same text for every user."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from prefactor.decoding.conditions import PLAIN, Condition
from prefactor.decoding.sampling import SamplingParameters, Written, sample
from prefactor.decoding.speaker import Speaker
from prefactor.decoding.writers.requests import Answer, Requests
from prefactor.progress import progress

Found = TypeVar("Found")


class PlainWriter:
    """Writes what the prompt alone makes the model write."""

    def __init__(self, speaker: Speaker, sampling: SamplingParameters) -> None:
        self.speaker, self.sampling = speaker, sampling

    def __call__(self, requests: Requests) -> list[Answer]:
        """See ``Writer``."""
        written = told(self.speaker, self.sampling, requests, requests.prompts, [PLAIN] * len(requests))
        return [Answer(one) for one in written]


def told(
    speaker: Speaker,
    sampling: SamplingParameters,
    requests: Requests,
    prompts: Sequence[str],
    conditions: Sequence[Condition],
) -> list[Written]:
    """Answers to ``prompts`` under ``conditions``, each different one written once, whoever asks."""
    keys = [
        (requests.seed_of(row), prompt, condition)
        for row, (prompt, condition) in enumerate(zip(prompts, conditions, strict=True))
    ]
    return once(keys, lambda rows: _written(speaker, sampling, [keys[row] for row in rows]))


def once(keys: Sequence[Hashable], write: Callable[[list[int]], Sequence[Found]]) -> list[Found]:
    """What ``write`` makes of the first row of each different key, for all rows."""
    first: dict[Hashable, int] = {}
    for row, key in enumerate(keys):
        first.setdefault(key, row)
    found = dict(zip(first, write(list(first.values())), strict=True))
    return [found[key] for key in keys]


def _written(
    speaker: Speaker, sampling: SamplingParameters, asked: Sequence[tuple[int, str, Condition]]
) -> list[Written]:
    seeds, prompts, conditions = (list(column) for column in zip(*asked, strict=True)) if asked else ([], [], [])
    with progress("writing", len(asked), "texts") as shown:
        return sample(speaker, speaker.contexts(prompts, conditions), sampling, seeds, progress=shown)
