"""One shard of the cache: an array of states that is memory-mapped, and a small index that says whose they are.

``shards/00000.npy`` (n, H) is written first and ``shards/00000.index.npy`` (n,) last: a shard with an index is whole.
What a disk or a copy changed afterwards shows by checksums: of the index as a shard is opened, of states as they are
read.
"""

import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.lib import format as npy

from prefactor.atomic import atomic_file
from prefactor.errors import InputError

ID = np.dtype("S32")
INDEX = np.dtype(
    [
        ("id", ID),
        ("tokens", np.int32),
        ("truncated", np.bool_),
        ("cut", np.bool_),
        ("response_tokens", np.int32),
        ("log_probability", np.float64),
        ("checksum", np.uint64),
        ("index_checksum", np.uint32),
    ]
)
UNCHECKED = np.dtype(INDEX.descr[:-2])  # of shards from before there were checksums: taken as they are
AGAIN = "rerun stage embed, by `dvc repro --force --single-item` where DVC sees no change"
NAME = re.compile(r"(\d{5,})\.index\.npy")


@dataclass(frozen=True)
class Shard:
    """``states`` (n, H), mapped from disk, and ``index`` (n,), which says of each text its

    id               text_id
    tokens           tokens read
    truncated        was it shortened
    cut              was its response shortened
    response_tokens  tokens of its response
    log_probability  their sum, in nats; NaN of a backbone that gives none
    checksum         of its states; 0 where none was written
    index_checksum   of the other columns of the whole index, the same in every row
    """

    path: Path
    index: np.ndarray
    states: np.ndarray
    checked: np.ndarray = field(init=False)  # (n,) bool: read once and found as they were written

    def __post_init__(self) -> None:
        object.__setattr__(self, "checked", self.index["checksum"] == 0)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def name(self) -> str:
        """What its files are called."""
        return self.path.stem

    def read(self, rows: np.ndarray) -> np.ndarray:
        """States (m, H) of ``rows`` (m,). Raises InputError if any is not what was written."""
        states = self.states[rows]
        if not self.checked[rows].all():
            self._check(rows, states)
        return states

    def check(self) -> None:
        """Read all states. Raises InputError if any is not what was written."""
        self._check(slice(None), self.states)

    def _check(self, rows: np.ndarray | slice, states: np.ndarray) -> None:
        expected = self.index["checksum"][rows]
        changed = (expected != 0) & (_state_checksums(states) != expected)
        if changed.any():
            text_id = self.index["id"][rows][changed][0].decode(errors="replace")
            raise InputError(
                f"shard {self.path} is damaged: {changed.sum()} of its states are not what was written, e.g. "
                f"of text_id {text_id!r}: {AGAIN}"
            )
        self.checked[rows] = True


def write_shard(folder: Path, name: str, index: np.ndarray, states: np.ndarray) -> None:
    """Write n texts, ``index`` (n,) and ``states`` (n, H); whole or, to a reader, not there."""
    path, marker = _paths(folder, name)
    index = index.copy()
    index["checksum"] = _state_checksums(states)
    index["index_checksum"] = _index_checksum(index)
    _save(path, states)
    _save(marker, index)


def open_shard(folder: Path, name: str, hidden: int, dtype: np.dtype[Any]) -> Shard:
    """Map a shard. Raises InputError if it is damaged or not of the width and dtype that the cache declares."""
    path, marker = _paths(folder, name)
    try:
        index = np.load(marker, allow_pickle=False)
        states = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, TokenError) as error:  # of a bad header or a short file
        raise InputError(f"shard {path} is damaged ({error}): {AGAIN}") from error
    if index.dtype == UNCHECKED:
        index = _without_checksums(index)
    elif index.dtype == INDEX and (index["index_checksum"] != _index_checksum(index)).any():
        raise InputError(f"shard index {marker} is damaged: it is not what was written: {AGAIN}")
    if index.dtype != INDEX or index.ndim != 1:
        raise InputError(f"shard index {marker} holds {index.dtype} {index.shape}, not {INDEX} (n,): {AGAIN}")
    if states.dtype != dtype or states.shape != (len(index), hidden):
        raise InputError(
            f"shard {path} holds {states.dtype} {states.shape}, but its index and meta.json say {dtype} "
            f"{(len(index), hidden)}: {AGAIN}"
        )
    return Shard(path, index, states)


def shard_names(folder: Path) -> list[str]:
    """Names of the whole shards, in the order they were written."""
    matches = [NAME.fullmatch(path.name) for path in (folder / "shards").glob("*.index.npy")]
    return sorted((match[1] for match in matches if match), key=int)


def remove_shard(folder: Path, name: str) -> None:
    """Remove a shard, its index first, so that half a removal is no whole shard."""
    states, marker = _paths(folder, name)
    marker.unlink(missing_ok=True)
    states.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what belongs to no whole shard: the leavings of a killed run."""
    whole = {path for name in shard_names(folder) for path in _paths(folder, name)}
    for path in (folder / "shards").glob("*"):
        if path not in whole:
            path.unlink()


def _state_checksums(states: np.ndarray) -> np.ndarray:
    """(n,) of states (n, H): one and the sum of their bit patterns, so that every single flipped bit shows."""
    words = states.view(f"u{states.itemsize}")
    return np.add.reduce(words, axis=1, dtype=np.uint64) + np.uint64(1)


def _index_checksum(index: np.ndarray) -> int:
    rest = index.copy()
    rest["index_checksum"] = 0
    return zlib.crc32(rest.tobytes())


def _without_checksums(index: np.ndarray) -> np.ndarray:
    wider = np.zeros(index.shape, INDEX)
    for name in UNCHECKED.names or ():
        wider[name] = index[name]
    return wider


def _paths(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / "shards" / f"{name}.npy", folder / "shards" / f"{name}.index.npy"


def _save(path: Path, array: np.ndarray) -> None:
    """As `np.save` does, which does not say so where the disk does not take the end of a file."""
    array = np.ascontiguousarray(array)
    with atomic_file(path) as scratch, scratch.open("wb") as file:
        npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(array))
        file.write(array.view(np.uint8).data)
