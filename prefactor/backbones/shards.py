"""One shard of the cache: an array of states that is memory-mapped, and a small index that says whose they are.

``shards/00000.npy`` (n, H) is written first and ``shards/00000.index.npy`` (n,) last: a shard with an index is whole.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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
    ]
)
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
    """

    name: str
    index: np.ndarray
    states: np.ndarray

    def __len__(self) -> int:
        return len(self.index)


def write_shard(folder: Path, name: str, index: np.ndarray, states: np.ndarray) -> None:
    """Write n texts, ``index`` (n,) and ``states`` (n, H); whole or, to a reader, not there."""
    path, marker = _paths(folder, name)
    _save(path, states)
    _save(marker, index)


def open_shard(folder: Path, name: str, hidden: int, dtype: np.dtype[Any]) -> Shard:
    """Map a shard. Raises InputError if it is damaged or not of the width and dtype that the cache declares."""
    path, marker = _paths(folder, name)
    try:
        index = np.load(marker, allow_pickle=False)
        states = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:  # what numpy raises over a bad header or a short file
        raise InputError(f"shard {path} is damaged ({error}): rerun stage embed") from error
    if index.dtype != INDEX or index.ndim != 1:
        raise InputError(f"shard index {marker} holds {index.dtype} {index.shape}, not {INDEX} (n,): rerun stage embed")
    if states.dtype != dtype or states.shape != (len(index), hidden):
        raise InputError(
            f"shard {path} holds {states.dtype} {states.shape}, but its index and meta.json say {dtype} "
            f"{(len(index), hidden)}: rerun stage embed"
        )
    return Shard(name, index, states)


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


def _paths(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / "shards" / f"{name}.npy", folder / "shards" / f"{name}.index.npy"


def _save(path: Path, array: np.ndarray) -> None:
    with atomic_file(path) as scratch, scratch.open("wb") as file:
        np.save(file, array, allow_pickle=False)
