"""The on-disk cache of hidden states: embed once, add what is new, read by text id.

A cache folder holds ``meta.json`` (which backbone made it, and the dtype) and ``shards/``. Stage embed owns it.
"""

import json
import logging
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from prefactor.atomic import write_json
from prefactor.backbones.encoding import Backbone
from prefactor.backbones.loading import BackboneParameters, worker_count
from prefactor.backbones.parts import as_ids, encode_part, read_ids, read_parts, write_part
from prefactor.backbones.pieces import Missing
from prefactor.backbones.shards import INDEX, Shard, open_shard, remove_shard, shard_names, sweep, write_shard
from prefactor.backbones.turns import planning
from prefactor.errors import InputError
from prefactor.progress import progress

FORMAT = 2
FEWEST = 256  # texts of a part where several processes share them
Encode = Callable[[Missing], Mapping[str, int]]  # new shards' names, and the tokens that each took
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EmbedReport:
    """What embedding did: ``texts`` = ``encoded`` now + ``reused``, from this cache or another one.

    Over all texts: ``truncated``, of which ``cut`` lost a part of the response, and ``tokens``. ``computed`` tokens
    went through the model now: what texts begin with alike counts once.
    """

    texts: int
    encoded: int
    reused: int
    truncated: int
    cut: int
    tokens: int
    computed: int
    seconds: float


def embed(
    texts: Path | str,
    folder: Path | str,
    backbone: Backbone,
    parameters: BackboneParameters,
    others: Sequence[Path] = (),
    encode: Encode | None = None,
) -> EmbedReport:
    """Bring the cache in ``folder`` up to date with a table of texts, encoding only what it lacks.

    States are copied from ``others``, caches of other datasets, where they were made alike: datasets that differ in
    their users or their split alone have the same texts.
    ``backbone`` encodes them, unless ``parameters`` ask for several processes: these load it by ``parameters``, each
    for itself, and the one given is asked for its identity only, for which it may lie on the CPU. Where others are to
    do it, ``encode`` has it done.
    Killed at any moment, the next call goes on after the last whole shards. A cache of another backbone or dtype
    is discarded, as are damaged shards and shards of which no text is left. Raises InputError on a bad table.
    """
    started = time.monotonic()
    wanted = read_ids(Path(texts))
    folder, dtype = Path(folder), np.dtype(parameters.states_dtype)
    with planning(folder) as turn:
        _prepare(folder, backbone, parameters.states_dtype)
        kept = _live_shards(folder, wanted, backbone.hidden, dtype)
        for other in others:
            kept += _copied(other, folder, wanted, kept)
        rows = np.flatnonzero(~np.isin(wanted, _joined(kept, "id")))
        first = _next_number(kept)
        missing = Missing(Path(texts), rows, folder, first, parameters, backbone.identity(), turn.token)
        turn.share()
        written = _encode(missing, backbone) if encode is None else encode(missing)
    kept += [open_shard(folder, name, backbone.hidden, dtype) for name in written]
    live = np.isin(_joined(kept, "id"), wanted)
    return EmbedReport(
        texts=len(wanted),
        encoded=len(rows),
        reused=len(wanted) - len(rows),
        truncated=int(_joined(kept, "truncated")[live].sum()),
        cut=int(_joined(kept, "cut")[live].sum()),
        tokens=int(_joined(kept, "tokens")[live].sum()),
        computed=sum(written.values()),
        seconds=time.monotonic() - started,
    )


class NoLikelihoodError(InputError):
    """A cache without log-probabilities."""


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
        """States (N, H) float32 of N texts, in the order given. Raises InputError if the cache lacks or lost any."""
        rows = self._rows(text_ids)
        out = np.empty((len(rows), self.hidden), dtype=np.float32)
        of_shard = np.searchsorted(self._first, rows, side="right") - 1
        for number in np.unique(of_shard):
            here = np.flatnonzero(of_shard == number)
            here = here[np.argsort(rows[here], kind="stable")]  # read the file forwards
            out[here] = self._shards[number].read(rows[here] - self._first[number])
        return out

    def find(self, text_ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Which of N texts it holds, and which of those were truncated: (N,) bool, both False where it lacks one."""
        found, place = self._find(text_ids)
        truncated = np.zeros(len(found), dtype=bool)
        rows = self._order[place[found]]
        of_shard = np.searchsorted(self._first, rows, side="right") - 1
        pairs = zip(of_shard.tolist(), (rows - self._first[of_shard]).tolist(), strict=True)
        truncated[found] = [self._shards[number].index["truncated"][row] for number, row in pairs]
        return found, truncated

    def likelihood(self, text_ids: Sequence[str]) -> np.ndarray:
        """(N, 2) float32 of N texts: log-probability of the response given the prompt in nats, and its tokens.

        Raises InputError if the cache lacks any text, NoLikelihoodError if its backbone gives none.
        """
        rows = self._rows(text_ids)
        found = np.stack([_joined(self._shards, name)[rows] for name in ("log_probability", "response_tokens")], 1)
        if np.isnan(found).any():
            raise NoLikelihoodError(
                f"cache {self.folder} holds no log-probabilities: its backbone is no causal language model with a "
                "head, or has log_probabilities false"
            )
        return found.astype(np.float32)

    @property
    def has_likelihoods(self) -> bool:
        """Whether it holds log-probabilities, of every text."""
        return not np.isnan(_joined(self._shards, "log_probability")).any()

    def _find(self, text_ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Which of N texts it holds (N,) bool, and their places (N,) among the sorted ids."""
        wanted = as_ids(text_ids)
        place = np.searchsorted(self._ids, wanted)
        found = np.zeros(len(wanted), dtype=bool)
        inside = place < len(self._ids)
        found[inside] = self._ids[place[inside]] == wanted[inside]
        return found, place

    def _rows(self, text_ids: Sequence[str]) -> np.ndarray:
        found, place = self._find(text_ids)
        if not found.all():
            example = text_ids[int(np.argmin(found))]
            raise InputError(
                f"cache {self.folder} lacks the states of {int((~found).sum())} of {len(found)} texts, "
                f"e.g. text_id {example!r}: rerun stage embed"
            )
        return self._order[place]


@dataclass(frozen=True)
class LikelihoodView:
    """The responses' log-probabilities in nats and numbers of tokens (N, 2) by text id, from a cache."""

    states: States

    def gather(self, text_ids: Sequence[str]) -> np.ndarray:
        """Of N texts, in the order given."""
        return self.states.likelihood(text_ids)


def open_states(folder: Path | str, expected: Mapping[str, Any] | None = None) -> States:
    """Open a cache for reading.

    ``expected``: what the backbone's identity has to be, all of it or some keys. Raises InputError if the cache is
    missing or damaged, or was made otherwise.
    """
    folder = Path(folder)
    meta = _read_meta(folder)
    if meta is None:
        raise InputError(f"{folder} holds no states: {_trouble(folder)}: run stage embed")
    for key, value in (expected or {}).items():
        if (actual := meta["identity"].get(key)) != value:
            made = f"was made with {key.replace('_', ' ')} {actual}"
            raise InputError(f"cache {folder} {made} but the model expects {value}: rerun stage embed")
    return States(folder, meta)


def _prepare(folder: Path, backbone: Backbone, dtype: str) -> None:
    """Make ``folder`` a cache of this backbone and dtype, keeping the shards of one that already is."""
    wanted = backbone.request.log_probabilities
    meta = {
        "format": FORMAT,
        "identity": backbone.identity(),
        "states_dtype": dtype,
        "log_probabilities": wanted,
    }
    found = _read_meta(folder)
    if found is not None and found | {"log_probabilities": found["log_probabilities"] and wanted} == meta:
        if found != meta:  # what comes now has none: who wants them later must not believe that all have
            write_json(folder / "meta.json", meta)
        return
    if found is not None or shard_names(folder):
        logger.warning("embed: discarding %s: %s", folder, _trouble(folder) or _difference(found or {}, meta))
    shutil.rmtree(folder / "shards", ignore_errors=True)
    write_json(folder / "meta.json", meta)


def _difference(found: Mapping[str, Any], meta: Mapping[str, Any]) -> str:
    old, new = ({**value, **value["identity"]} for value in (found, meta))
    keys = [key for key in sorted({*old, *new}) if key != "identity" and old.get(key) != new.get(key)]
    return "; ".join(f"it was made with {key} {old.get(key)}, now {new.get(key)}" for key in keys)


def _read_meta(folder: Path) -> dict[str, Any] | None:
    """meta.json, or None where there is trouble with it."""
    return None if _trouble(folder) else json.loads((folder / "meta.json").read_text(encoding="utf-8"))


def _trouble(folder: Path) -> str:
    """What is wrong with a cache's meta.json: it is missing, damaged or of another format; else nothing."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        if meta["format"] != FORMAT:
            return f"it is of format {meta['format']}, now {FORMAT}"
        whole = "hidden_size" in meta["identity"] and {"states_dtype", "log_probabilities"} <= meta.keys()
    except (OSError, ValueError, KeyError, TypeError):
        whole = False
    return "" if whole else "its meta.json is missing or damaged"


def _live_shards(folder: Path, wanted: np.ndarray, hidden: int, dtype: np.dtype[Any]) -> list[Shard]:
    """The whole shards that hold a wanted text; others, and what a killed run left, are removed."""
    sweep(folder)
    kept = []
    for name in shard_names(folder):
        try:
            shard = open_shard(folder, name, hidden, dtype)
            shard.check()
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
            rows = np.flatnonzero(np.isin(shard.index["id"], lacking))
            states = shard.read(rows)
        except InputError:  # that cache's own stage will mend it
            continue
        if len(rows):
            index = shard.index[rows]
            write_shard(folder, f"{number:05d}", index, states)
            found.append(open_shard(folder, f"{number:05d}", hidden, dtype))
            lacking, number = np.setdiff1d(lacking, index["id"]), number + 1
    return found


def _encode(missing: Missing, backbone: Backbone) -> dict[str, int]:
    """Encode what is missing: the names of the new shards, and for each the tokens that were computed."""
    parameters, rows = missing.parameters, missing.rows
    processes, dtype = worker_count(parameters), np.dtype(parameters.states_dtype)
    if processes > 1 and len(rows):
        return _encode_by_workers(missing)
    written = {}
    with progress("embed", len(rows), "texts") as shown:
        for part in read_parts(missing.texts, rows, parameters.shard_texts, missing.first):
            encoded = encode_part(part, backbone, dtype, shown)
            write_part(missing.folder, part, encoded, dtype)
            written[part.name] = encoded.computed
    return written


def _encode_by_workers(missing: Missing) -> dict[str, int]:
    """The same by several processes, in parts of a size that gives each of them work."""
    from prefactor.backbones.workers import open_team

    parameters, rows = missing.parameters, missing.rows
    most = worker_count(parameters)
    size = min(parameters.shard_texts, max(math.ceil(len(rows) / most), FEWEST))
    processes = min(most, math.ceil(len(rows) / size))
    with (
        open_team(missing.folder, parameters, processes, missing.identity) as team,
        progress("embed", len(rows), "texts") as shown,
    ):
        parts = read_parts(missing.texts, rows, size, missing.first)
        return {written.name: written.computed for written in team.encode(parts, shown)}


def _joined(shards: Sequence[Shard], column: str) -> np.ndarray:
    """One column of the shards' indices, end to end."""
    return np.concatenate([shard.index[column] for shard in shards]) if shards else np.empty(0, INDEX[column])


def _next_number(shards: Sequence[Shard]) -> int:
    return 1 + max((int(shard.name) for shard in shards), default=-1)
