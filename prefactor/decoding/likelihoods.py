"""Log-probabilities of a dataset's texts under conditions: each computed once, and kept on disk."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.atomic import atomic_file, write_json
from prefactor.decoding.conditions import Condition
from prefactor.decoding.speaker import Speaker
from prefactor.errors import InputError
from prefactor.progress import progress
from prefactor.reading import read_object

IDENTITY = "identity.json"
PART = "part-{:05d}.parquet"
TEXTS_PER_PART = 16_384  # what a killed run can lose
SCHEMA = pa.schema([("text_id", pa.string()), ("condition", pa.string()), ("log_probability", pa.float64())])


@dataclass(frozen=True)
class Texts:
    """T responses to prompts, in one order: the rows that likelihoods are asked for by."""

    text_ids: Sequence[str]
    prompts: Sequence[str]
    responses: Sequence[str]

    @classmethod
    def read(cls, prepared: Path, text_ids: Sequence[str]) -> Self:
        """Some texts of a prepared dataset, in the order of their ids. InputError for one that is not there."""
        path = prepared / "texts.parquet"
        table = pq.read_table(path, columns=["text_id", "prompt", "response"])
        place = {text_id: row for row, text_id in enumerate(table["text_id"].to_pylist())}
        missing = [text_id for text_id in text_ids if text_id not in place]
        if missing:
            raise InputError(f"{path} lacks {len(missing)} text(s), e.g. {missing[0]}: rerun stage split")
        chosen = table.take(pa.array([place[text_id] for text_id in text_ids], pa.int64()))
        return cls(list(text_ids), chosen["prompt"].to_pylist(), chosen["response"].to_pylist())

    def numbered_prompts(self) -> np.ndarray:
        """(T,) int64 number of each text's prompt, from 0 in order of appearance."""
        number: dict[str, int] = {}
        return np.array([number.setdefault(prompt, len(number)) for prompt in self.prompts], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.text_ids)


class Likelihoods:
    """log P(y | x, condition) in nats of T texts, as a function of rows and conditions that remembers.

    What is new is computed in one go by the speaker's engine, parts of it are written as they come, and a text that
    was asked about under a condition before is not computed again: not in a later run either.
    """

    def __init__(self, speaker: Speaker, texts: Texts, folder: Path | None = None) -> None:
        """``folder`` is where they are kept; another language model's are thrown away. None for in memory alone."""
        self.speaker, self.texts = speaker, texts
        self.computed = 0
        self._known: dict[str, np.ndarray] = {}  # by condition: (T,), NaN where nobody asked yet
        self._folder = folder
        if folder is not None:
            self._open(folder)

    def __call__(self, texts: np.ndarray, conditions: Sequence[Condition]) -> np.ndarray:
        """(N,) float64 of N rows of the texts, each under its condition."""
        keys = {condition: condition.key() for condition in dict.fromkeys(conditions)}
        number = {condition: place for place, condition in enumerate(keys)}
        asked = np.array([number[condition] for condition in conditions], dtype=np.int64)
        table = np.stack([self._of(key) for key in keys.values()]) if keys else np.empty((0, len(self.texts)))
        once = np.unique(np.stack([asked, texts])[:, np.isnan(table[asked, texts])], axis=1)
        if once.shape[1]:
            self._compute(once[1], [list(keys)[place] for place in once[0]])
        return self._gathered(list(keys.values()), asked, texts)

    def table(self, rows: np.ndarray, conditions: Sequence[Condition]) -> np.ndarray:
        """(n, C): some texts under each of the conditions."""
        each = [condition for condition in conditions for _ in rows]
        return self(np.tile(rows, len(conditions)), each).reshape(len(conditions), len(rows)).T

    def tokens(self, rows: np.ndarray) -> np.ndarray:
        """(n,) tokens of some responses."""
        return self.speaker.response_tokens(*self._written(rows))

    def _written(self, rows: np.ndarray) -> tuple[list[str], list[str]]:
        """Prompts and responses of some rows."""
        return [self.texts.prompts[row] for row in rows], [self.texts.responses[row] for row in rows]

    def _of(self, key: str) -> np.ndarray:
        return self._known.setdefault(key, np.full(len(self.texts), np.nan))

    def _gathered(self, keys: list[str], asked: np.ndarray, texts: np.ndarray) -> np.ndarray:
        found = np.empty(len(texts))
        for place, key in enumerate(keys):
            mine = asked == place
            found[mine] = self._known[key][texts[mine]]
        return found

    def _compute(self, rows: np.ndarray, conditions: list[Condition]) -> None:
        """Those of one prompt are computed together: they begin alike."""
        prompts = self.texts.numbered_prompts()[rows]
        order = np.argsort(prompts, kind="stable")
        with progress("log-probabilities", len(rows), "texts") as shown:
            for start in range(0, len(order), TEXTS_PER_PART):
                part = order[start : start + TEXTS_PER_PART]
                mine = [conditions[place] for place in part]
                found = self.speaker.log_probabilities(*self._written(rows[part]), mine, shown)
                self._keep(rows[part], mine, found)
        self.computed += len(rows)

    def _keep(self, rows: np.ndarray, conditions: list[Condition], values: np.ndarray) -> None:
        keys = [condition.key() for condition in conditions]
        for row, key, value in zip(rows, keys, values, strict=True):
            self._of(key)[row] = value
        if self._folder is None:
            return
        ids = [self.texts.text_ids[row] for row in rows]
        path = self._folder / PART.format(len(list(self._folder.glob("part-*.parquet"))))
        with atomic_file(path) as scratch:
            pq.write_table(pa.table([ids, keys, values], schema=SCHEMA), scratch, compression="zstd")

    def _open(self, folder: Path) -> None:
        mine = self.speaker.identity()
        if (folder / IDENTITY).is_file() and read_object(folder / IDENTITY) != json.loads(json.dumps(mine)):
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / IDENTITY, mine)
        place = {text_id: row for row, text_id in enumerate(self.texts.text_ids)}
        for path in sorted(folder.glob("part-*.parquet")):
            self._read(path, place)

    def _read(self, path: Path, place: Mapping[str, int]) -> None:
        try:
            table = pq.read_table(path, schema=SCHEMA)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path} is not what was written there ({error}): delete {path.parent}") from error
        for batch in table.to_pandas().groupby("condition", sort=False):
            key, rows = batch
            known = rows[rows["text_id"].isin(place.keys())]
            self._of(str(key))[[place[text_id] for text_id in known["text_id"]]] = known["log_probability"].to_numpy()
