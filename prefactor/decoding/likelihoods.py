"""Log-probabilities of a dataset's texts under conditions: each computed once, and kept on disk."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.atomic import atomic_file, write_json
from prefactor.decoding.conditions import Condition
from prefactor.decoding.speaker import Speaker
from prefactor.errors import InputError
from prefactor.progress import progress
from prefactor.reading import read_object

FORMAT = 1  # to be raised where the same texts under the same conditions get other tokens
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

    def __init__(self, speaker: Speaker, texts: Texts, folder: Path | None = None, others: Sequence[Path] = ()) -> None:
        """``folder`` is where they are kept; another language model's are thrown away. None for in memory alone.

        ``others`` are folders that are only read; another language model's are passed over.
        """
        self.speaker, self.texts = speaker, texts
        self.computed = 0
        self._number: dict[str, int] = {}  # of each condition's key
        self._known = _Sorted()
        self._folder = folder
        for other in others:
            if self._is_mine(other):
                self._read_parts(other)
        if folder is not None:
            self._open(folder)

    def __call__(self, texts: np.ndarray, conditions: Sequence[Condition]) -> np.ndarray:
        """(N,) float64 of N rows of the texts, each under its condition."""
        place = {condition: row for row, condition in enumerate(dict.fromkeys(conditions))}
        different = list(place)
        asked = np.array([place[condition] for condition in conditions], dtype=np.int64)
        numbers = self._numbered([condition.key() for condition in different])
        wanted = numbers[asked] * len(self.texts) + texts if len(asked) else np.empty(0, dtype=np.int64)
        once, first = np.unique(wanted, return_index=True)
        first = first[np.isnan(self._known.find(once))]
        if len(first):
            self._compute(texts[first], [different[row] for row in asked[first]], wanted[first])
        return self._known.find(wanted)

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

    def _numbered(self, keys: Sequence[str]) -> np.ndarray:
        """(n,) the number of each condition's key."""
        return np.array([self._number.setdefault(key, len(self._number)) for key in keys], dtype=np.int64)

    def _compute(self, rows: np.ndarray, conditions: list[Condition], codes: np.ndarray) -> None:
        """Those of one prompt are computed together: they begin alike."""
        prompts = self.texts.numbered_prompts()[rows]
        order = np.argsort(prompts, kind="stable")
        with progress("log-probabilities", len(rows), "texts") as shown:
            for start in range(0, len(order), TEXTS_PER_PART):
                part = order[start : start + TEXTS_PER_PART]
                mine = [conditions[place] for place in part]
                found = self.speaker.log_probabilities(*self._written(rows[part]), mine, shown)
                self._known.add(codes[part], found)
                self._keep(rows[part], mine, found)
        self.computed += len(rows)

    def _keep(self, rows: np.ndarray, conditions: list[Condition], values: np.ndarray) -> None:
        if self._folder is None:
            return
        columns = [[self.texts.text_ids[row] for row in rows], [condition.key() for condition in conditions], values]
        path = self._folder / PART.format(len(list(self._folder.glob("part-*.parquet"))))
        with atomic_file(path) as scratch:
            pq.write_table(pa.table(columns, schema=SCHEMA), scratch, compression="zstd")

    def _open(self, folder: Path) -> None:
        """Take over what is there, if it is this model's; else it is thrown away, before anything says otherwise."""
        if not self._is_mine(folder):
            for path in folder.glob("part-*.parquet"):
                path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / IDENTITY, self._identity())
        self._read_parts(folder)

    def _is_mine(self, folder: Path) -> bool:
        """Whether a folder says that this language model made what is in it."""
        return (folder / IDENTITY).is_file() and read_object(folder / IDENTITY) == self._identity()

    def _identity(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.dumps({"format": FORMAT, **self.speaker.identity()}))
        return found

    def _read_parts(self, folder: Path) -> None:
        place = {text_id: row for row, text_id in enumerate(self.texts.text_ids)}
        for path in sorted(folder.glob("part-*.parquet")):
            self._read(path, place)

    def _read(self, path: Path, place: Mapping[str, int]) -> None:
        try:
            table = pq.read_table(path, schema=SCHEMA)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{path} is not what was written there ({error}): delete {path.parent}") from error
        rows = table.to_pandas()
        rows = rows[rows["text_id"].isin(place.keys())]
        text = rows["text_id"].map(place).to_numpy(dtype=np.int64)
        codes = self._numbered(rows["condition"].tolist()) * len(self.texts) + text
        self._known.add(codes, rows["log_probability"].to_numpy())


class _Sorted:
    """Values by their codes."""

    def __init__(self) -> None:
        self._codes, self._values = np.empty(0, dtype=np.int64), np.empty(0)

    def find(self, codes: np.ndarray) -> np.ndarray:
        """(N,) values; NaN for a code that is not there."""
        place = np.searchsorted(self._codes, codes)
        inside = place < len(self._codes)
        there = inside & (np.append(self._codes, -1)[np.where(inside, place, -1)] == codes)
        return np.where(there, np.append(self._values, np.nan)[np.where(inside, place, -1)], np.nan)

    def add(self, codes: np.ndarray, values: np.ndarray) -> None:
        """Values of new codes."""
        joined, all_values = np.concatenate([self._codes, codes]), np.concatenate([self._values, values])
        self._codes, first = np.unique(joined, return_index=True)
        self._values = all_values[first]
