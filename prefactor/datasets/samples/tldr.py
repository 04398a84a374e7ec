"""Sample of TL;DR's comparisons: people who choose between two summaries of a post, as batches or as the hub has it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.datasets.samples.writing import UNICODE, first_sentences, lengthened, questions, tastes
from prefactor.datasets.stylebench.scorers import score
from prefactor.seeds import mixed_seed

BATCHES = ("batch3", "batch4", "batch5", "batch11", "batch12", "cnndm0")
VALIDATION = ("batch11", "batch12", "cnndm0")
SUMMARIES = 6  # of a post
POLICIES = ("ref", "sup1", "sup4_ppo_rm3", "sup4_6b", "t5", "title")
ROWS_AT_ONCE = 1024
TEXT = pa.string()
SCHEMA = pa.schema(
    [
        ("info", pa.struct([(name, TEXT) for name in ("id", "post", "title", "subreddit", "site", "article")])),
        ("summaries", pa.list_(pa.struct([(name, TEXT) for name in ("text", "policy", "note")]))),
        ("choice", pa.int32()),
        ("worker", TEXT),
        ("batch", TEXT),
        ("split", TEXT),
        ("extra", pa.struct([("confidence", pa.int32())])),
    ]
)


@dataclass(frozen=True)
class TldrSample:
    """Its size: comparisons of ``annotators`` people, of whom the last fifth made few; ``layout``: JSON batches as
    published, or the hub's parquet; ``paragraphs`` of a post; ``awkward``: with the cases that readers stumble over."""

    annotators: int = 75
    comparisons: int = 14_000
    paragraphs: int = 1
    layout: Literal["batches", "hub"] = "batches"
    awkward: bool = True
    seed: int = 0


PUBLISHED = TldrSample(comparisons=180_000, paragraphs=4)


@dataclass(frozen=True)
class Post:
    """What is summarised, its summaries, and how they score by the ten styles (SUMMARIES, 10)."""

    info: dict[str, str]
    summaries: list[str]
    scores: np.ndarray


def write(parameters: TldrSample, folder: Path) -> None:
    """Write ``comparisons/``: a file per batch, or a parquet file per split."""
    records = _records(parameters)
    if parameters.awkward:
        records = _awkward(records)
    if parameters.layout == "batches":
        _write_batches(records, folder / "comparisons")
    else:
        _write_splits(records, folder / "comparisons")


def _records(parameters: TldrSample) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(mixed_seed(parameters.seed, "samples", "tldr"))
    people = tastes(parameters.annotators, 0.1, parameters.seed)
    workers = _workers(parameters, rng)
    posts = _posts(parameters)
    for number, worker in enumerate(workers):
        if number % SUMMARIES == 0:
            post = next(posts)
        first, second = rng.choice(SUMMARIES, 2, replace=False)
        liked = post.scores @ people[worker]  # (SUMMARIES,)
        wanted = (liked[first] - liked[second]) / (liked.std() or 1.0) + 0.5 * rng.standard_normal()
        yield _record(number, post, (int(first), int(second)), int(wanted < 0), int(worker), rng)


def _workers(parameters: TldrSample, rng: np.random.Generator) -> np.ndarray:
    """Who makes each comparison: the last fifth of the annotators make 20 each, or fewer; the others share the rest."""
    few = parameters.annotators // 5
    rare = np.repeat(np.arange(parameters.annotators - few, parameters.annotators), 20)[: parameters.comparisons // 10]
    often = np.arange(parameters.comparisons - len(rare)) % max(1, parameters.annotators - few)
    return rng.permutation(np.concatenate([often, rare]))


def _posts(parameters: TldrSample) -> Iterator[Post]:
    count = parameters.comparisons // SUMMARIES + 1
    for number, question in enumerate(questions(count, parameters.paragraphs, parameters.seed)):
        answers = [*question.responses]
        rng = np.random.default_rng(mixed_seed(parameters.seed, "samples", "summaries", number))
        summaries = _summaries(question.text, answers, rng)
        info = {
            "id": f"t3_{number:06x}",
            "post": "\n\n".join([question.text, *answers]),
            "title": question.text.split(". ")[-1],
            "subreddit": question.prompt.topic.context.replace(" ", ""),
        }
        yield Post(info, summaries, score(summaries))


def _summaries(text: str, answers: list[str], rng: np.random.Generator) -> list[str]:
    """Six different ones: beginnings of the answers, of different lengths."""
    kept = [first_sentences(answers[place % len(answers)], 1 + place // 2) for place in range(SUMMARIES)]
    order = rng.permutation(SUMMARIES)
    return [f"{kept[place]} ({place + 1})" if kept[place] in kept[:place] else kept[place] for place in order]


def _record(
    number: int, post: Post, shown: tuple[int, int], choice: int, worker: int, rng: np.random.Generator
) -> dict[str, Any]:
    batch = BATCHES[number % (len(BATCHES) - 1)]
    return {
        "info": post.info,
        "summaries": [
            {"text": " " + post.summaries[place], "policy": POLICIES[place], "note": None} for place in shown
        ],
        "choice": choice,
        "worker": f"worker{worker:04d}",
        "batch": batch,
        "split": "valid1" if batch in VALIDATION else "train",
        "extra": {"confidence": int(rng.integers(1, 10))} if batch in VALIDATION else {},
    }


def _awkward(records: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The same records with what real files have: articles, equal, blank and very long texts, a judgement twice."""
    for number, record in enumerate(records):
        first, second = record["summaries"]
        if number == 0:
            yield record
        elif number == 1:
            record |= {"summaries": [first, first | {"policy": "copy"}]}
        elif number == 2:
            record |= {"summaries": [first | {"text": "\n"}, second]}
        elif number == 3:
            more = {"id": "t3_unicode", "post": f"{record['info']['post']} {UNICODE}"}
            record |= {"info": record["info"] | more}
        elif number == 4:
            record |= {"info": record["info"] | {"id": "t3_long", "post": lengthened(record["info"]["post"])}}
        elif number == 5:
            record |= {"info": record["info"] | {"id": "t3_blank", "post": " "}}
        elif number == 7:
            record |= {"info": {name: value for name, value in record["info"].items() if name != "id"}}
        elif number % 50 == 6:
            article = {"id": f"news{number}", "article": record["info"]["post"], "site": "cnn", "title": "News"}
            record |= {"info": article, "batch": "cnndm0", "split": "valid2"}
        yield record


def _write_batches(records: Iterator[dict[str, Any]], folder: Path) -> None:
    folder.mkdir()
    files = {name: (folder / f"{name}.json").open("w", encoding="utf-8") for name in BATCHES}
    for record in records:
        files[record["batch"]].write(json.dumps(record) + "\n")
    for name, file in files.items():
        empty = file.tell() == 0
        file.close()
        if empty:
            (folder / f"{name}.json").unlink()


def _write_splits(records: Iterator[dict[str, Any]], folder: Path) -> None:
    names = ("train", "validation")
    for name in names:
        (folder / name).mkdir(parents=True)
    with (
        pq.ParquetWriter(folder / names[0] / "0000.parquet", SCHEMA) as train,
        pq.ParquetWriter(folder / names[1] / "0000.parquet", SCHEMA) as validation,
    ):
        while batch := list(islice(records, ROWS_AT_ONCE)):
            for writer, wanted in ((train, True), (validation, False)):
                rows = [record for record in batch if (record["split"] == "train") == wanted]
                writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
