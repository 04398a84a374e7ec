"""Parts hold every row once and cut no user in two; users whose rows are not together are noticed, with the row."""

from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.adaptation import parts as module
from prefactor.adaptation.parts import Part, parts_of
from prefactor.adaptation.source import Source
from prefactor.errors import InputError


def write(folder: Path, files: list[list[str]], row_group: int) -> Source:
    """Files of these users' rows."""
    folder.mkdir(exist_ok=True)
    for number, users in enumerate(files):
        texts = pa.array(["t"] * len(users), pa.string())
        table = pa.table({"user_id": pa.array(users, pa.string()), "chosen": texts, "rejected": texts})
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=row_group)
    return Source.open(folder)


@settings(deadline=None, max_examples=50)
@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    cut=st.integers(0, 60),
    row_group=st.integers(1, 15),
    rows=st.integers(1, 30),
    at_once=st.integers(1, 9),
)
def test_every_user_is_in_one_part(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], cut: int, row_group: int, rows: int, at_once: int
) -> None:
    users = [f"{number:02d}" for number, count in enumerate(counts) for _ in range(count)]
    source = write(tmp_path_factory.mktemp("pairs"), [users[:cut], users[cut:]], row_group)
    before, module.ROWS = module.ROWS, at_once
    try:
        parts = parts_of(source, rows, threads=2)
    finally:
        module.ROWS = before
    assert [part.number for part in parts] == list(range(len(parts)))
    assert parts[0].first == 0 and parts[-1].last == len(users)
    assert all(one.last == other.first for one, other in pairwise(parts))
    assert [part.users for part in parts] == [len(set(users[part.first : part.last])) for part in parts]
    assert sum(part.users for part in parts) == len(counts)
    assert all(part.last - part.first >= rows for part in parts[:-1])


def test_parts_are_about_as_large_as_asked_for(tmp_path: Path) -> None:
    source = write(tmp_path, [[f"{number:04d}" for number in range(1000) for _ in range(3)]], 300)
    assert [part.last - part.first for part in parts_of(source, 900)] == [900, 900, 900, 300]
    assert parts_of(source, 10_000) == [Part(0, 0, 3000, 1000)]


@pytest.mark.parametrize(
    ("files", "where"),
    [
        ([["a", "b", "a"]], "0.parquet, row 2"),
        ([["a", "a", "b", "b", "a"]], "0.parquet, row 4"),
        ([["a", "b"], ["a", "c"]], "1.parquet, row 0"),
        ([["a", "b", "b", "b", "b", "a"]], "0.parquet, row 5"),
        ([["b", "a"]], "0.parquet, row 1"),
        ([["a", "\u00e9", "z"]], "0.parquet, row 2"),
    ],
)
@pytest.mark.parametrize("row_group", [1, 2, 100])
def test_a_user_who_comes_again_is_noticed(files: list[list[str]], where: str, row_group: int, tmp_path: Path) -> None:
    source = write(tmp_path, files, row_group)
    with pytest.raises(
        InputError, match=f"{where}: its user_id comes before .* sort by user_id, or give --sort"
    ) as error:
        parts_of(source, 10)
    assert "'a'" not in str(error.value), "ids of users are nobody's business"


def test_bytes_decide_the_order(tmp_path: Path) -> None:
    assert len(parts_of(write(tmp_path, [["B", "a", "z", "\u00e9", "\U0001f600"]], 2), 1)) == 3
