"""Pairs in any order become a user's rows together, in the order they came."""

import resource
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.adaptation import sorting
from prefactor.adaptation.parts import parts_of
from prefactor.adaptation.sorting import sort_pairs
from prefactor.adaptation.source import Source
from prefactor.disk import DiskError
from prefactor.errors import InputError


def scattered(folder: Path) -> list[Path]:
    users = ["\u00e9", "b", "B", "a", "b", "\u00e9", "a", "b"]
    numbers = [f"{n}" for n in range(len(users))]
    table = pa.table({"user_id": users, "chosen": numbers, "rejected": ["r"] * len(users), "more": numbers})
    for number, rows in enumerate((slice(0, 5), slice(5, 8))):
        pq.write_table(table.slice(rows.start, rows.stop - rows.start), folder / f"it's {number}.parquet")
    return sorted(folder.glob("*.parquet"))


def test_users_ascend_and_their_pairs_keep_their_order(tmp_path: Path) -> None:
    files = scattered(tmp_path)
    out = tmp_path / "o'ut" / "sorted.parquet"
    sort_pairs(files, out, threads=2)
    found = pq.read_table(out)
    assert found.column_names == ["user_id", "chosen", "rejected"]
    assert found["user_id"].to_pylist() == ["B", "a", "a", "b", "b", "b", "\u00e9", "\u00e9"]
    assert found["chosen"].to_pylist() == ["2", "3", "6", "1", "4", "7", "0", "5"]
    assert len(parts_of(Source.open(out), 1)) == 1
    assert [path.name for path in out.parent.iterdir()] == ["sorted.parquet"]


def test_what_cannot_be_sorted_leaves_nothing(tmp_path: Path) -> None:
    files = scattered(tmp_path)
    out = tmp_path / "out" / "sorted.parquet"
    files[0].write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"the pairs cannot be sorted \(.*: write the file anew that this names"):
        sort_pairs(files, out, threads=1)
    assert not list(out.parent.iterdir())


def test_too_little_memory_is_told_from_a_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be sorted in 1MB of memory \(.*\): use fewer threads"):
        sort_pairs(scattered(tmp_path), tmp_path / "out" / "sorted.parquet", threads=8, memory="1MB")


def test_a_disk_that_takes_no_more_is_told_from_a_damaged_file(tmp_path: Path) -> None:
    """By a limit on the size of files."""
    users = [f"user-{number:09d}" for number in range(50_000)]
    pq.write_table(pa.table(dict.fromkeys(("user_id", "chosen", "rejected"), users)), tmp_path / "pairs.parquet")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(DiskError, match=r"sorted\.parquet could not be written \(File too large\): raise"):
            sort_pairs([tmp_path / "pairs.parquet"], tmp_path / "out" / "sorted.parquet", threads=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((tmp_path / "out").iterdir())


def test_little_memory_is_enough(tmp_path: Path) -> None:
    number = 100_000
    users = [f"user-{(n * 7919) % number:09d}" for n in range(number)]
    text = ["t" * 32] * number
    pq.write_table(pa.table({"user_id": users, "chosen": text, "rejected": text}), tmp_path / "pairs.parquet")
    sort_pairs([tmp_path / "pairs.parquet"], tmp_path / "sorted.parquet", 1, memory="64MB")
    assert pq.read_table(tmp_path / "sorted.parquet")["user_id"].to_pylist() == sorted(users)
    assert sorting.MEMORY == "2GB"
