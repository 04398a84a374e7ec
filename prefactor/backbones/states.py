"""The on-disk cache of hidden states: embed once, add what is new, read by text id.

A cache folder holds ``meta.json`` (which backbone made it, and the dtype) and ``shards/``. Stage embed owns it.
"""

import json
import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prefactor.atomic import write_json
from prefactor.backbones.encoding import Backbone, Encoded
from prefactor.backbones.loading import BackboneParameters
from prefactor.backbones.shards import INDEX, Shard, open_shard, remove_shard, shard_names, sweep, write_shard
from prefactor.errors import InputError
from prefactor.preferences import TEXTS, content_id
from prefactor.progress import Progress, progress

FORMAT = 1
BATCH = 1024  # texts read at once
BUFFER = 1 << 20  # bytes of a column read at once: else all that a row group, maybe the whole file, has of it
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbedReport:
    """What embedding did: ``texts`` = ``encoded`` now + ``reused``, from this cache or another one; ``truncated`` and
    ``tokens`` are over all texts."""

    texts: int
    encoded: int
    reused: int
    truncated: int
    tokens: int
    seconds: float


def embed(
    texts: Path | str,
    folder: Path | str,
    backbone: Backbone,
    parameters: BackboneParameters,
    others: Sequence[Path] = (),
) -> EmbedReport:
    """Bring the cache in ``folder`` up to date with a table of texts, encoding only what it lacks.

    States are copied from ``others``, caches of other datasets, where they were made alike: datasets that differ in
    their users or their split alone have the same texts.
    Killed at any moment, the next call goes on after the last whole shard. A cache of another backbone or dtype
    is discarded, as are damaged shards and shards of which no text is left. Raises InputError on a bad table.
    """
    started = time.monotonic()
    wanted = _read_ids(Path(texts))
    folder, dtype = Path(folder), np.dtype(parameters.states_dtype)
    _prepare(folder, backbone.identity(), parameters.states_dtype)
    kept = _live_shards(folder, wanted, backbone.hidden, dtype)
    for other in others:
        kept += _copied(other, folder, wanted, kept)
    missing = np.flatnonzero(~np.isin(wanted, _joined(kept, "id")))
    with progress("embed", len(missing), "texts") as shown:
        parts = _parts(Path(texts), missing, parameters.shard_texts)
        for number, part in enumerate(parts, _next_number(kept)):
            name, ids = f"{number:05d}", _as_ids(part["text_id"].to_pylist())
            write_shard(folder, name, ids, _encode(part, backbone, dtype, shown), dtype)
            kept.append(open_shard(folder, name, backbone.hidden, dtype))
    live = np.isin(_joined(kept, "id"), wanted)
    return EmbedReport(
        texts=len(wanted),
        encoded=len(missing),
        reused=len(wanted) - len(missing),
        truncated=int(_joined(kept, "truncated")[live].sum()),
        tokens=int(_joined(kept, "tokens")[live].sum()),
        seconds=time.monotonic() - started,
    )


class States:
    """Hidden states of a cache, read through memory maps. See :func:`open_states`."""

    def __init__(self, folder: Path, meta: Mapping[str, Any]) -> None:
        self.folder = folder
        self.identity: dict[str, Any] = dict(meta["identity"])
        self.hidden = int(self.identity["hidden_size"])
        dtype = np.dtype(meta["states_dtype"])
        self._shards = [open_shard(folder, name, self.hidden, dtype) for name in shard_names(folder)]
        ids = _joined(self._shards, "id")
        self._order = np.argsort(ids, kind="stable")
        self._ids = ids[self._order]
        self._first = np.cumsum([0, *(len(shard) for shard in self._shards)])  # global row where each shard starts

    def __len__(self) -> int:
        return len(self._ids)

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        """States (N, H) float32 of N texts, in the order given. Raises InputError if the cache lacks any."""
        rows = self._rows(text_ids)
        out = np.empty((len(rows), self.hidden), dtype=np.float32)
        of_shard = np.searchsorted(self._first, rows, side="right") - 1
        for number in np.unique(of_shard):
            here = np.flatnonzero(of_shard == number)
            here = here[np.argsort(rows[here], kind="stable")]  # read the file forwards
            out[here] = self._shards[number].states[rows[here] - self._first[number]]
        return out

    def _rows(self, text_ids: Sequence[str]) -> np.ndarray:
        wanted = _as_ids(text_ids)
        place = np.searchsorted(self._ids, wanted)
        found = np.zeros(len(wanted), dtype=bool)
        inside = place < len(self._ids)
        found[inside] = self._ids[place[inside]] == wanted[inside]
        if not found.all():
            example = text_ids[int(np.argmin(found))]
            raise InputError(
                f"cache {self.folder} lacks the states of {int((~found).sum())} of {len(found)} texts, "
                f"e.g. text_id {example!r}: rerun stage embed"
            )
        return self._order[place]


def open_states(folder: Path | str, expected: Mapping[str, Any] | None = None) -> States:
    """Open a cache for reading.

    ``expected``: what the backbone's identity has to be, all of it or some keys. Raises InputError if the cache is
    missing or damaged, or was made otherwise.
    """
    folder = Path(folder)
    meta = _read_meta(folder)
    if meta is None:
        raise InputError(f"{folder} holds no states: meta.json is missing or damaged: run stage embed")
    for key, value in (expected or {}).items():
        if (actual := meta["identity"].get(key)) != value:
            made = f"was made with {key.replace('_', ' ')} {actual}"
            raise InputError(f"cache {folder} {made} but the model expects {value}: rerun stage embed")
    return States(folder, meta)


def _prepare(folder: Path, identity: Mapping[str, Any], dtype: str) -> None:
    """Make ``folder`` a cache of this backbone and dtype, keeping the shards of one that already is."""
    meta = {"format": FORMAT, "identity": dict(identity), "states_dtype": dtype}
    found = _read_meta(folder)
    if found == meta:
        return
    if found is not None or shard_names(folder):
        logger.warning("embed: discarding %s: %s", folder, _difference(found, meta))
    shutil.rmtree(folder / "shards", ignore_errors=True)
    write_json(folder / "meta.json", meta)


def _difference(found: Mapping[str, Any] | None, meta: Mapping[str, Any]) -> str:
    if found is None:
        return "its meta.json is missing or damaged"
    old, new = ({**value, **value["identity"]} for value in (found, meta))
    keys = [key for key in new if key != "identity" and old.get(key) != new[key]]
    changes = [f"it was made with {key} {old.get(key)}, now {new[key]}" for key in keys]
    return "; ".join(changes) or "its identity has other keys"


def _read_meta(folder: Path) -> dict[str, Any] | None:
    """meta.json, or None where it is missing, damaged or of another format."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        known = meta["format"] == FORMAT and "hidden_size" in meta["identity"] and "states_dtype" in meta
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return meta if known else None


def _read_ids(path: Path) -> np.ndarray:
    """The ids of a table of texts, (N,) bytes, each once."""
    ids = np.concatenate([_as_ids([]), *(_as_ids(batch["text_id"].to_pylist()) for _, batch in _batches(path))])
    if (repeated := len(ids) - len(np.unique(ids))) > 0:
        raise InputError(f"texts {path}: {repeated} text_id(s) occur more than once: keep each text once")
    return ids


def _parts(path: Path, rows: np.ndarray, size: int) -> Iterator[pa.Table]:
    """The texts of ``rows``, which ascend, ``size`` at a time: no more than that and a batch are in memory."""
    if not len(rows):
        return
    waiting = TEXTS.empty_table()
    for first, batch in _batches(path):
        low, high = np.searchsorted(rows, (first, first + len(batch)))
        waiting = pa.concat_tables([waiting, batch.take(pa.array(rows[low:high] - first))])
        while len(waiting) >= size:
            yield waiting.slice(0, size)
            waiting = waiting.slice(size)
    if len(waiting):
        yield waiting


def _batches(path: Path) -> Iterator[tuple[int, pa.Table]]:
    """A table of texts in batches, each with its first row, every id the hash of its text: safe as the cache's key."""
    first = 0
    try:
        with pq.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False) as file:
            for batch in file.iter_batches(BATCH, columns=TEXTS.names):
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


def _live_shards(folder: Path, wanted: np.ndarray, hidden: int, dtype: np.dtype[Any]) -> list[Shard]:
    """The whole shards that hold a wanted text; others, and what a killed run left, are removed."""
    sweep(folder)
    kept = []
    for name in shard_names(folder):
        try:
            shard = open_shard(folder, name, hidden, dtype)
        except InputError as error:
            logger.warning("embed: encoding shard %s again: %s", name, error)
            remove_shard(folder, name)
            continue
        if np.isin(shard.index["id"], wanted).any():
            kept.append(shard)
        else:
            remove_shard(folder, name)
    return kept


def _copied(other: Path, folder: Path, wanted: np.ndarray, kept: Sequence[Shard]) -> list[Shard]:
    """New shards with those wanted texts that ``kept`` lack and another cache holds, if it was made like this one."""
    meta = _read_meta(folder)
    if meta is None or _read_meta(other) != meta:
        return []
    hidden, dtype = int(meta["identity"]["hidden_size"]), np.dtype(meta["states_dtype"])
    lacking, number, found = np.setdiff1d(wanted, _joined(kept, "id")), _next_number(kept), []
    for name in shard_names(other):
        try:
            shard = open_shard(other, name, hidden, dtype)
        except InputError:  # that cache's own stage will mend it
            continue
        rows = np.flatnonzero(np.isin(shard.index["id"], lacking))
        if len(rows):
            index = shard.index[rows]
            taken = Encoded(np.asarray(shard.states[rows]), truncated=index["truncated"], tokens=index["tokens"])
            write_shard(folder, f"{number:05d}", index["id"], taken, dtype)
            found.append(open_shard(folder, f"{number:05d}", hidden, dtype))
            lacking, number = np.setdiff1d(lacking, index["id"]), number + 1
    return found


def _encode(part: pa.Table, backbone: Backbone, dtype: np.dtype[Any], shown: Progress) -> Encoded:
    encoded = backbone.encode(part["prompt"].to_pylist(), part["response"].to_pylist(), shown)
    if (peak := float(np.abs(encoded.states).max(initial=0.0))) > float(np.finfo(dtype).max):
        raise InputError(f"hidden states reach {peak:.3g}, too large for {dtype}: use states_dtype float32")
    return encoded


def _as_ids(text_ids: Sequence[str]) -> np.ndarray:
    """(N,) bytes; ids longer than a text id stay so, and match none."""
    return np.array([text_id.encode() for text_id in text_ids], dtype=np.bytes_)


def _joined(shards: Sequence[Shard], column: str) -> np.ndarray:
    """One column of the shards' indices, end to end."""
    return np.concatenate([shard.index[column] for shard in shards]) if shards else np.empty(0, INDEX[column])


def _next_number(shards: Sequence[Shard]) -> int:
    return 1 + max((int(shard.name) for shard in shards), default=-1)
