"""A cache of hidden states, rewritten without some texts: the others', which took hours, stay as they are."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from prefactor.errors import InputError
from prefactor.forgetting.removal import Removal, whole_folder
from prefactor.reading import read_object

if TYPE_CHECKING:
    from prefactor.backbones.shards import Shard

FIX = "rerun stage embed"


def in_states(cache: Path, text_ids: Collection[str]) -> Removal | None:
    """How a cache loses the states of some texts; None if it has none of them."""
    count = sum(int(_mask(index, text_ids).sum()) for index in _indices(cache))
    if not count:
        return None
    if not (cache / "meta.json").is_file():
        return whole_folder(cache)
    return Removal(cache, f"the hidden states of {count:,} texts", lambda: _rewrite(cache, text_ids))


def _indices(cache: Path) -> Iterator[np.ndarray]:
    """The ids of every shard; a damaged index, which stage embed would encode again, counts as none."""
    for path in sorted((cache / "shards").glob("*.index.npy")):
        try:
            yield np.load(path, allow_pickle=False)["id"]
        except (OSError, ValueError, EOFError, IndexError):
            continue


def _mask(ids: np.ndarray, text_ids: Collection[str]) -> np.ndarray:
    return np.isin(ids, np.array([text_id.encode() for text_id in text_ids], dtype=np.bytes_))


def _rewrite(cache: Path, text_ids: Collection[str]) -> None:
    """A shard's other states go into a new shard first, so that a kill loses none of them."""
    from prefactor.backbones.shards import open_shard, remove_shard, shard_names, sweep

    meta = read_object(cache / "meta.json", FIX)
    hidden, dtype = int(meta["identity"]["hidden_size"]), np.dtype(meta["states_dtype"])
    for name in shard_names(cache):
        try:
            shard = open_shard(cache, name, hidden, dtype)
            shard.check()
        except InputError:
            remove_shard(cache, name)
            continue
        lost = _mask(shard.index["id"], text_ids)
        if lost.any():
            _keep(cache, shard, ~lost)
            remove_shard(cache, name)
    sweep(cache)


def _keep(cache: Path, shard: "Shard", kept: np.ndarray) -> None:
    """Write the ``kept`` (n,) rows of a shard as the cache's last one."""
    from prefactor.backbones.shards import shard_names, write_shard

    if not kept.any():
        return
    number = 1 + max(int(name) for name in shard_names(cache))
    write_shard(cache, f"{number:05d}", shard.index[kept], np.asarray(shard.states[kept]))
