"""Small sample files of the three tasks, and a file of candidates for them that no language model wrote."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.datasets.lamp.candidates import PROFILE, QUESTION
from prefactor.datasets.lamp.published import find_published
from prefactor.datasets.samples import write_sample
from prefactor.datasets.samples.lamp import LampSample
from prefactor.judging.rouge import rouge

PEOPLE, ITEMS = 8, 6
TASKS = ("LaMP_4", "LaMP_5", "LongLaMP")


@cache
def files() -> Path:
    """A folder with a folder for each task, which is made once for all tests: leave it as it is."""
    folder = Path(mkdtemp(prefix="lamp-")) / "sample"
    write_sample("lamp", folder, LampSample(PEOPLE, ITEMS))
    return folder


def candidates(folder: Path, policies: tuple[str, ...] = ("base",)) -> list[dict[str, Any]]:
    """Four texts for each person's question and two of their items: more or less of what the person wrote."""
    rows = []
    for person in find_published(folder).people():
        asked = [(QUESTION, QUESTION, person.prompt, person.gold)]
        asked += [(item.id, PROFILE, item.prompt, item.gold) for item in person.items[1:3]]
        for query, kind, prompt, gold in asked:
            words = gold.split()
            texts = [gold, " ".join(words[: len(words) // 2]), "Nothing like it", "Nothing like it"]
            scores = rouge([gold] * 4, texts)
            for policy in policies:
                for text, (one, longest) in zip(texts, scores.tolist(), strict=True):
                    rows.append(
                        {"user_id": person.id, "query_id": query, "kind": kind, "policy": policy, "prompt": prompt,
                         "response": text, "rouge1": one, "rougeL": longest, "gold_utility": longest}
                    )  # fmt: skip
    return rows


def write(rows: list[dict[str, Any]], folder: Path) -> Path:
    path = folder / "candidates.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path
