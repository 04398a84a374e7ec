"""How long models take to rank, side by side: request by request in turns, so that a busy machine slows all alike."""

import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from prefactor import layout
from prefactor.serving.model import PersonalRanker
from prefactor.serving.requests import Request

WARM_UP = 2  # requests
LEAST = 20  # requests, however long they take
PATIENCE = 60.0  # seconds, after which no more are sent


def race(models: Sequence[PersonalRanker], requests: Sequence[Request]) -> np.ndarray:
    """(M, R) seconds that each of M models takes for each request, texts read by its backbone; a stranger asks.

    Who is first changes from request to request. Slow models are sent fewer requests than there are.
    """
    for request in requests[:WARM_UP]:
        for model in models:
            model.answer([request])
    columns: list[np.ndarray] = []
    began = time.perf_counter()
    for number, request in enumerate(requests):
        if number >= LEAST and time.perf_counter() - began > PATIENCE:
            break
        seconds = np.empty(len(models))
        for place in range(len(models)):
            row = (place + number) % len(models)
            start = time.perf_counter()
            models[row].answer([request])
            seconds[row] = time.perf_counter() - start
        columns.append(seconds)
    return np.stack(columns, 1)


def sample_requests(root: Path, dataset: str, count: int, candidates: int) -> list[Request]:
    """At most ``count`` requests of a dataset's own texts, each of up to so many responses to one prompt, at least two.

    The first by a hash, so always the same and of no kind in particular.
    """
    path = root / layout.prepared(dataset) / "texts.parquet"
    texts = pq.read_table(path).sort_by("text_id")
    waiting: dict[str, list[str]] = {}
    found = []
    for prompt, response in zip(texts["prompt"].to_pylist(), texts["response"].to_pylist(), strict=True):
        together = waiting.setdefault(prompt, [])
        together.append(response)
        if len(together) == candidates:
            found.append(Request(prompt=prompt, responses=waiting.pop(prompt)))
            if len(found) == count:
                return found
    smaller = (Request(prompt=prompt, responses=some) for prompt, some in waiting.items() if len(some) > 1)
    return [*found, *islice(smaller, count - len(found))]
