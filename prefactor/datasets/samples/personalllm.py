"""Sample of PersonalLLM: prompts with eight responses and ten reward models' scores, as parquet or CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.csv import CSVWriter

from prefactor.datasets.personalllm import RESPONSES, SCORERS, SCORES
from prefactor.datasets.samples.writing import UNICODE, Question, lengthened, questions

ROWS_AT_ONCE = 256
SCHEMA = pa.schema(
    [("prompt_id", pa.int64()), ("prompt", pa.string()), ("subset", pa.string())]
    + [(name, pa.string()) for name in RESPONSES]
    + [(f"{name}_model", pa.string()) for name in RESPONSES]
    + [(name, pa.float64()) for name in SCORES]
)


@dataclass(frozen=True)
class PersonalLLMSample:
    """Its size: prompts of both published splits; ``paragraphs`` of a response; ``awkward``: with the cases that
    readers stumble over, among the first prompts."""

    train: int = 400
    test: int = 40
    paragraphs: int = 1
    format: Literal["parquet", "csv"] = "parquet"
    awkward: bool = True
    seed: int = 0


PUBLISHED = PersonalLLMSample(train=9402, test=1000, paragraphs=4)


def write(parameters: PersonalLLMSample, folder: Path) -> None:
    """Write the files of both splits, one each."""
    every = questions(parameters.train + parameters.test, len(RESPONSES), parameters.seed, parameters.paragraphs)
    rows = (_row(number, question) for number, question in enumerate(every))
    train = islice(rows, parameters.train)
    (folder / "data").mkdir()
    _write(
        folder / "data" / f"train-00000-of-00001.{parameters.format}", _awkward(train) if parameters.awkward else train
    )
    _write(folder / "data" / f"test-00000-of-00001.{parameters.format}", rows)


def _row(number: int, question: Question) -> dict[str, Any]:
    row: dict[str, Any] = {"prompt_id": number, "prompt": question.text, "subset": question.prompt.topic.context}
    for name, text, scores in zip(RESPONSES, question.responses, question.scores(), strict=True):
        row |= {name: text, f"{name}_model": "a model"}
        # Every reward model has a scale and an offset of its own.
        row |= {f"{name}_{scorer}": (1 + place) * score - place for place, (scorer, score) in _numbered(scores)}
    return row


def _numbered(scores: Any) -> Iterator[tuple[int, tuple[str, float]]]:
    return enumerate(zip(SCORERS, map(float, scores), strict=True))


def _awkward(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The same rows with what real files have: a prompt twice, a response twice, blank or without a score."""
    first: dict[str, Any] = {}
    for number, row in enumerate(rows):
        if number == 0:
            first = row
        changes: dict[int, dict[str, Any]] = {
            1: {"prompt": first["prompt"]},
            2: {"response_2": row["response_1"]},
            3: {"response_3": "  "},
            4: {f"response_4_{SCORERS[0]}": None},
            5: {"prompt": f"{row['prompt']} {UNICODE}", "response_1": f"{UNICODE} {row['response_1']}"},
            6: {"response_5": lengthened(row["response_5"])},
            7: {name: None for name in SCORES if not name.startswith("response_8_")},
        }
        yield row | changes.get(number, {})


def _write(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    writer = CSVWriter(path, SCHEMA) if path.suffix == ".csv" else pq.ParquetWriter(path, SCHEMA)
    with writer:
        while batch := list(islice(rows, ROWS_AT_ONCE)):
            writer.write_table(pa.Table.from_pylist(batch, SCHEMA))
