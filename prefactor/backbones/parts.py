"""Parts of a table of texts: one after the other is read, encoded, and becomes a shard of the cache."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.backbones.encoding import Backbone, Encoded, NotFiniteError
from prefactor.backbones.shards import INDEX, write_shard
from prefactor.errors import InputError
from prefactor.preferences import TEXTS, content_id
from prefactor.progress import Progress

BATCH = 1024  # texts read at once
BUFFER = 1 << 20  # bytes of a column read at once: else all that a row group, maybe the whole file, has of it


@dataclass(frozen=True)
class Part:
    """Some texts of a table, in its order, and the ``name`` of the shard that they become."""

    name: str
    texts: pa.Table


def read_ids(path: Path) -> np.ndarray:
    """The ids of a table of texts, (N,) bytes, each once. Raises InputError on a bad table."""
    ids = np.concatenate([as_ids([]), *(as_ids(batch["text_id"].to_pylist()) for _, batch in _batches(path))])
    if (repeated := len(ids) - len(np.unique(ids))) > 0:
        raise InputError(f"texts {path}: {repeated} text_id(s) occur more than once: keep each text once")
    return ids


def read_parts(path: Path, rows: np.ndarray, size: int, first: int) -> Iterator[Part]:
    """The texts of ``rows``, which ascend, at most ``size`` at a time, named from number ``first`` on.

    A part ends where the prompt changes, unless one prompt fills half of it: what responses share is then computed
    once. No more than a part and a batch are in memory.
    """
    for number, texts in enumerate(_tables(path, rows, size), first):
        yield Part(f"{number:05d}", texts)


def encode_part(part: Part, backbone: Backbone, dtype: np.dtype[Any], shown: Progress) -> Encoded:
    """The states of a part's texts, which ``dtype`` has to hold. Raises InputError where it cannot, or for NaN."""
    texts = part.texts
    try:
        encoded = backbone.encode(texts["prompt"].to_pylist(), texts["response"].to_pylist(), shown)
    except NotFiniteError as error:
        first = texts["text_id"][int(error.rows[0])].as_py()
        raise InputError(f"{error}; the first is of text_id {first!r}") from error
    if (peak := float(np.abs(encoded.states).max(initial=0.0))) > float(np.finfo(dtype).max):
        raise InputError(f"hidden states reach {peak:.3g}, too large for {dtype}: use states_dtype float32")
    return encoded


def write_part(folder: Path, part: Part, encoded: Encoded, dtype: np.dtype[Any]) -> None:
    """Write the part's shard into the cache at ``folder``."""
    index = np.empty(len(part.texts), INDEX)
    index["id"] = as_ids(part.texts["text_id"].to_pylist())
    for name in ("tokens", "truncated", "cut", "response_tokens"):
        index[name] = getattr(encoded, name)
    index["log_probability"] = np.nan if encoded.log_probability is None else encoded.log_probability
    write_shard(folder, part.name, index, encoded.states.astype(dtype))


def as_ids(text_ids: Sequence[str]) -> np.ndarray:
    """(N,) bytes; ids longer than a text id stay so, and match none."""
    return np.array([text_id.encode() for text_id in text_ids], dtype=np.bytes_)


def _tables(path: Path, rows: np.ndarray, size: int) -> Iterator[pa.Table]:
    if not len(rows):
        return
    waiting = TEXTS.empty_table()
    for first, batch in _batches(path, int(rows[0])):
        low, high = np.searchsorted(rows, (first, first + len(batch)))
        waiting = pa.concat_tables([waiting, batch.take(pa.array(rows[low:high] - first))])
        while len(waiting) > size:
            end = _end(waiting["prompt"], size)
            yield waiting.slice(0, end)
            waiting = waiting.slice(end)
        if first + len(batch) > rows[-1]:
            break
    if len(waiting):
        yield waiting


def _end(prompts: pa.ChunkedArray, size: int) -> int:
    """Where a part of at most ``size`` ends; of more ``prompts`` than that."""
    for end in range(size, size // 2, -1):
        if prompts[end].as_py() != prompts[end - 1].as_py():
            return end
    return size


def _batches(path: Path, start: int = 0) -> Iterator[tuple[int, pa.Table]]:
    """A table of texts in batches, each with its first row, every id the hash of its text: safe as the cache's key.

    Row groups that end before row ``start`` are left out.
    """
    try:
        with pq.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False) as file:
            ends = np.cumsum([0, *(file.metadata.row_group(n).num_rows for n in range(file.num_row_groups))])
            groups = [number for number in range(file.num_row_groups) if ends[number + 1] > start]
            first = int(ends[groups[0]]) if groups else 0
            for batch in file.iter_batches(BATCH, row_groups=groups, columns=TEXTS.names):
                table = pa.Table.from_batches([batch]).select(TEXTS.names)
                _check_hashes(path, first, table)
                yield first, table.cast(TEXTS)
                first += len(table)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise InputError(f"texts {path} cannot be read as a table of {', '.join(TEXTS.names)}: {error}") from error


def _check_hashes(path: Path, first: int, batch: pa.Table) -> None:
    columns = (batch[name].to_pylist() for name in TEXTS.names)
    for row, (text_id, prompt, response) in enumerate(zip(*columns, strict=True), first):
        if prompt is None or response is None or text_id != content_id(prompt, response):
            raise InputError(
                f"texts {path}, row {row}: text_id {text_id!r} is no hash of its text: rerun stage prepare"
            )
