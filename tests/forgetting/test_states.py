"""A cache of states without some texts: the others' bytes as they were, however often it is stopped."""

from pathlib import Path

import numpy as np
import pytest

from prefactor.atomic import write_json
from prefactor.backbones import open_states
from prefactor.backbones.shards import INDEX, remove_shard, shard_names, write_shard
from prefactor.backbones.states import FORMAT
from prefactor.forgetting.mentions import mentions
from prefactor.forgetting.states import in_states
from prefactor.forgetting.traces import Traces
from prefactor.preferences import content_id

HIDDEN, SHARDS, SIZE = 5, 3, 4
IDS = [content_id("text", str(number)) for number in range(SHARDS * SIZE)]


def make_index(text_ids: list[str]) -> np.ndarray:
    index = np.zeros(len(text_ids), INDEX)
    index["id"] = np.array(text_ids, dtype=np.bytes_)
    index["tokens"] = np.arange(len(text_ids)) + 40
    index["truncated"] = np.arange(len(text_ids)) % 2 == 0
    index["log_probability"] = -1.5
    return index


def write_cache(folder: Path, dtype: str = "float16") -> np.ndarray:
    """A cache of random states; returns them."""
    states = np.random.default_rng(0).normal(size=(len(IDS), HIDDEN)).astype(dtype).astype(np.float32)
    identity = {"name": "tiny", "hidden_size": HIDDEN}
    meta = {"format": FORMAT, "identity": identity, "states_dtype": dtype, "log_probabilities": True}
    write_json(folder / "meta.json", meta)
    for number in range(SHARDS):
        rows = slice(number * SIZE, (number + 1) * SIZE)
        write_shard(folder, f"{number:05d}", make_index(IDS[rows]), states[rows].astype(dtype))
    return states


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "shards").iterdir())}


@pytest.mark.parametrize("lost", [{0}, {1, 2}, {4, 5, 6, 7}, {0, 5, 11}, set(range(len(IDS)))])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_the_states_of_others_stay_and_those_are_gone(tmp_path: Path, lost: set[int], dtype: str) -> None:
    states = write_cache(tmp_path, dtype)
    text_ids = {IDS[row] for row in lost}
    removal = in_states(tmp_path, text_ids)
    assert removal is not None and f"states of {len(lost)} texts" in removal.what
    removal.do()
    kept = [row for row in range(len(IDS)) if row not in lost]
    cache = open_states(tmp_path)
    assert len(cache) == len(kept)
    assert np.array_equal(cache.gather([IDS[row] for row in kept]), states[kept])
    found = [path for path in (tmp_path / "shards").iterdir() if mentions(path, Traces(hashes=frozenset(text_ids)))]
    assert not found and in_states(tmp_path, text_ids) is None


def test_shards_without_them_are_not_touched(tmp_path: Path) -> None:
    write_cache(tmp_path)
    before = files(tmp_path)
    removal = in_states(tmp_path, {IDS[0]})
    assert removal is not None
    removal.do()
    after = files(tmp_path)
    assert {name: after[name] for name in before if not name.startswith("00000")} == {
        name: data for name, data in before.items() if not name.startswith("00000")
    }


def test_stopped_between_the_new_shard_and_the_old_one_nothing_is_lost(tmp_path: Path) -> None:
    states = write_cache(tmp_path)
    write_shard(tmp_path, "00003", make_index(IDS[1:SIZE]), states[1:SIZE].astype("float16"))
    removal = in_states(tmp_path, {IDS[0]})
    assert removal is not None
    removal.do()
    assert np.array_equal(open_states(tmp_path).gather(IDS[1:]), states[1:])


def test_what_a_killed_embedding_left_and_damaged_shards_go(tmp_path: Path) -> None:
    write_cache(tmp_path)
    remove_shard(tmp_path, "00002")
    (tmp_path / "shards" / "00001.npy").write_bytes(b"torn")
    (tmp_path / "shards" / "00007.npy").write_bytes(b"states without an index")
    removal = in_states(tmp_path, {IDS[0]})
    assert removal is not None
    removal.do()
    assert len(shard_names(tmp_path)) == 1 and len(files(tmp_path)) == 2


def test_a_cache_without_them_or_without_a_shard_is_left_alone(tmp_path: Path) -> None:
    assert in_states(tmp_path / "nothing", {IDS[0]}) is None
    write_cache(tmp_path)
    assert in_states(tmp_path, {content_id("another")}) is None and in_states(tmp_path, set()) is None
