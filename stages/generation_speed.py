"""Stage generation-speed: tokens per second of every way to write, against plain writing on the same machine."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prefactor import layout
from prefactor.atomic import atomic_folder
from prefactor.attributes import read_attributes
from prefactor.decoding.parameters import BASE, DRIFT, EXACT, HISTORY
from prefactor.decoding.people import Asked
from prefactor.decoding.workshop import Workshop
from prefactor.decoding.writers import DriftWriter, ExactWriter, PlainWriter, Requests, Writer
from prefactor.evaluation.generation.tables import write_about, write_table
from prefactor.evaluation.latency import machine
from stages.running import run
from stages.workshops import asked_prompts, open_workshop

KEPT = (1, 3, 7, 15)  # m of Drift
RUNS = 3
TEXTS = 8  # written at once


@dataclass(frozen=True)
class Timed:
    """Seconds and tokens of RUNS runs, the fastest counts; ``before``: seconds of its writing that are no writing."""

    seconds: float
    tokens: int
    before: float = 0.0


def generation_speed(model: str) -> None:
    """Write speed.parquet, and about.json with the machine. The same inputs give other figures elsewhere."""
    workshop = open_workshop(model)
    where = machine(workshop.speaker.device)
    words = f"{where['processor']}, {where['threads']} threads" if "threads" in where else str(where)
    rows = [
        {
            "method": method,
            "setting": setting,
            "tokens_per_second": found.tokens / found.seconds,
            "overhead": found.before / found.seconds if found.before else None,
            "tokens": found.tokens,
            "runs": RUNS,
            "machine": words,
        }
        for method, setting, found in _timed(workshop, asked_prompts(workshop))
    ]
    with atomic_folder(layout.generation(model) / "speed") as scratch:
        write_table(scratch, "speed", pd.DataFrame(rows))
        write_about(scratch, {"texts at once": TEXTS})


def _timed(workshop: Workshop, asked: list[Asked]) -> Iterator[tuple[str, str, Timed]]:
    requests = _requests(workshop, asked)
    plain = PlainWriter(workshop.speaker, workshop.parameters.sampling)
    yield BASE, "", _fastest(plain, requests)
    for kept in KEPT:
        yield DRIFT, f"m={kept}", _fastest(_drift(workshop, kept), requests)
    yield HISTORY, "", _fastest(workshop.writer(HISTORY), requests)
    exact = workshop.writer(EXACT)
    assert isinstance(exact, ExactWriter)
    found = _fastest(exact, requests)
    yield EXACT, "", replace(found, before=_retrieval_seconds(exact, requests))


def _requests(workshop: Workshop, asked: list[Asked]) -> Requests:
    """TEXTS requests of which no two share a text: where prompts come again they are other samples."""
    row = np.arange(TEXTS)
    prompts = [asked[place].prompt for place in row % len(asked)]
    return Requests(row % len(workshop.people.user_ids), prompts, row // len(asked), workshop.parameters.seed)


def _drift(workshop: Workshop, kept: int) -> DriftWriter:
    """Drift with as many attributes of the whole library: what they weigh changes no speed."""
    library = read_attributes(None)
    weights = np.tile(np.linspace(1, 2, len(library.names)), (len(workshop.people.user_ids), 1))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    how, sampling = workshop.parameters.decoding, workshop.parameters.sampling
    return DriftWriter(workshop.speaker, workshop.small, library, weights, sampling, kept, how.strength)


def _fastest(writer: Writer, requests: Requests) -> Timed:
    found = []
    for number in range(RUNS):
        start = time.perf_counter()
        answers = writer(replace(requests, seed=requests.seed + number))
        found.append(Timed(time.perf_counter() - start, sum(answer.written.tokens for answer in answers)))
    return max(found, key=lambda one: one.tokens / one.seconds)


def _retrieval_seconds(writer: ExactWriter, requests: Requests) -> float:
    """Seconds that embedding the prompts and finding the nearest ones take, at best."""
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        writer.retrieve(requests)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


if __name__ == "__main__":
    run(generation_speed)
