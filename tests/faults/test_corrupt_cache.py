"""A cache that a disk, a copy or a hand has changed: nothing wrong is ever read from it, and stage embed mends it."""

import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from prefactor.backbones import Backbone, BackboneParameters, embed, open_states
from prefactor.backbones.shards import INDEX, UNCHECKED
from prefactor.errors import InputError
from prefactor.forgetting.states import in_states
from prefactor.preferences import content_id
from tests.faults.full_disk import full_disk

Write = Callable[[Sequence[tuple[str, str]]], Path]
TEXTS = [(f"Question {n}?", f"Answer {n}. " * (1 + n % 5)) for n in range(23)]
IDS = [content_id(*text) for text in TEXTS]
PARAMETERS = BackboneParameters(shard_texts=5, states_dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def made(tiny: Backbone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole cache of five shards, not to be changed, beside its table of texts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("made")
    rows = [{"text_id": key, "prompt": text[0], "response": text[1]} for key, text in zip(IDS, TEXTS, strict=True)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "texts.parquet")
    embed(folder / "texts.parquet", folder / "cache", tiny, PARAMETERS)
    return folder


@pytest.fixture
def cache(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made / "cache", tmp_path / "cache"))


def read(cache: Path) -> list[np.ndarray]:
    """All that is ever read of a cache."""
    states = open_states(cache)
    return [states.gather(IDS), states.likelihood(IDS)]


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return all(np.array_equal(*both) for both in zip(first, second, strict=True))


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["states", "index"])
def test_a_flipped_bit_is_found_wherever_it_is(made: Path, cache: Path, kind: str) -> None:
    whole, found = read(made / "cache"), 0
    random, name = np.random.default_rng(7), {"states": "00002.npy", "index": "00002.index.npy"}[kind]
    path = cache / "shards" / name
    bits = random.choice(8 * path.stat().st_size, 150, replace=False)
    with warnings.catch_warnings(action="ignore"):  # numpy's, of headers
        for bit in bits.tolist():
            flip(path, bit)
            try:
                assert same(read(cache), whole), f"bit {bit} changed what is read"
            except InputError as error:
                assert "00002" in str(error) and "rerun stage embed" in str(error)
                found += 1
            flip(path, bit)
    assert same(read(cache), whole) and found > 0.9 * len(bits), "some bits of a header mean nothing"


def remove_index(shards: Path) -> None:
    (shards / "00001.index.npy").unlink()


def remove_states(shards: Path) -> None:
    (shards / "00001.npy").unlink()


def cut_states(shards: Path) -> None:
    path = shards / "00001.npy"
    path.write_bytes(path.read_bytes()[:-100])


def flip_states(shards: Path) -> None:
    flip(shards / "00001.npy", 8 * 300 + 5)


def flip_index(shards: Path) -> None:
    flip(shards / "00001.index.npy", 8 * (INDEX.itemsize + 300))


def exchange_shards(shards: Path) -> None:
    """Of the same size, so that nothing but what they hold shows it."""
    states = [shards / f"0000{number}.npy" for number in (1, 2)]
    first, second = (path.read_bytes() for path in states)
    states[0].write_bytes(second), states[1].write_bytes(first)


FAULTS: dict[Callable[[Path], None], int] = {  # and texts that are encoded anew
    remove_index: 5,
    remove_states: 5,
    cut_states: 5,
    flip_states: 5,
    flip_index: 5,
    exchange_shards: 10,
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_what_is_damaged_is_encoded_again_and_nothing_else(
    made: Path, cache: Path, tiny: Backbone, fault: Callable[[Path], None]
) -> None:
    whole, shards = read(made / "cache"), cache / "shards"
    fault(shards)
    untouched = {path.name: path.stat().st_mtime_ns for path in shards.glob("0000[03]*")}
    with pytest.raises(InputError, match="rerun stage embed"):
        read(cache)
    report = embed(made / "texts.parquet", cache, tiny, PARAMETERS)
    assert report.encoded == FAULTS[fault] and report.reused == len(TEXTS) - FAULTS[fault]
    for both in zip(read(cache), whole, strict=True):
        np.testing.assert_allclose(*both, rtol=1e-5, atol=1e-5)
    assert {path.name: path.stat().st_mtime_ns for path in shards.glob("0000[03]*")} == untouched


def test_damaged_states_are_not_copied_into_another_cache(
    made: Path, cache: Path, tiny: Backbone, tmp_path: Path
) -> None:
    flip_states(cache / "shards")
    report = embed(made / "texts.parquet", tmp_path / "other", tiny, PARAMETERS, [cache])
    assert (report.encoded, report.reused) == (5, 18)
    assert same([np.sort(each, 0) for each in read(tmp_path / "other")][1:], [np.sort(read(made / "cache")[1], 0)])


def test_forgetting_a_text_does_not_hide_that_others_are_damaged(cache: Path) -> None:
    flip_states(cache / "shards")
    removal = in_states(cache, IDS[5:6])
    assert removal is not None
    removal.do()
    states = open_states(cache)
    assert len(states) == 18, "the damaged shard is encoded again"
    assert np.isfinite(states.gather([*IDS[:5], *IDS[10:]])).all()


def test_shards_from_before_there_were_checksums_are_read(made: Path, cache: Path, tiny: Backbone) -> None:
    for path in (cache / "shards").glob("*.index.npy"):
        index = np.load(path)
        np.save(path, index[list(UNCHECKED.names or ())].astype(UNCHECKED))
    assert same(read(cache), read(made / "cache"))
    assert embed(made / "texts.parquet", cache, tiny, PARAMETERS).encoded == 0


def test_a_disk_that_fills_up_loses_no_whole_shard(made: Path, tiny: Backbone, tmp_path: Path) -> None:
    shutil.copytree(made / "cache", tmp_path / "cache")
    for name in ("00003", "00004"):
        (tmp_path / "cache" / "shards" / f"{name}.index.npy").unlink()
    with full_disk(512), pytest.raises(InputError, match=r"00003\.npy could not be written"):
        embed(made / "texts.parquet", tmp_path / "cache", tiny, PARAMETERS)
    assert len(open_states(tmp_path / "cache")) == 15
    report = embed(made / "texts.parquet", tmp_path / "cache", tiny, PARAMETERS)
    assert (report.encoded, report.reused) == (8, 15)
