"""Files of reference pairs: one or many as one table, and what is wrong with them in words."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.adaptation.source import COLUMNS, Source
from prefactor.errors import InputError

TABLE = pa.table(
    {"user_id": ["a", "b", "b"], "chosen": ["x", "y", "z"], "rejected": ["y", "x", "x"], "more": [1, 2, 3]}
)


def rows(source: Source, first: int, last: int, at_once: int = 2) -> list[tuple[str, dict[str, str]]]:
    found = []
    for place, table in source.batches(first, last, at_once):
        found += [(str(place.later(row)), values) for row, values in enumerate(table.to_pylist())]
    return found


def test_a_folder_is_one_table_in_the_order_of_its_files(tmp_path: Path) -> None:
    for name in ("b.parquet", "a.parquet"):
        pq.write_table(TABLE, tmp_path / name, row_group_size=2)
    (tmp_path / "notes.txt").write_text("no table")
    source = Source.open(tmp_path)
    expected = [
        (f"{tmp_path / name}, row {row}", TABLE.select(COLUMNS).slice(row, 1).to_pylist()[0])
        for name in ("a.parquet", "b.parquet")
        for row in range(3)
    ]
    assert rows(source, 0, 6) == expected
    assert rows(source, 2, 5, 1) == expected[2:5] and rows(source, 3, 3) == []


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_strings_of_every_kind_are_read(kind: pa.DataType, tmp_path: Path) -> None:
    pq.write_table(pa.table({name: TABLE[name].cast(kind) for name in COLUMNS}), tmp_path / "pairs.parquet")
    found = rows(Source.open(tmp_path / "pairs.parquet"), 0, 3)
    assert [values for _, values in found] == TABLE.select(COLUMNS).to_pylist()


def test_a_file_of_pandas_is_read(tmp_path: Path) -> None:
    pd.DataFrame(TABLE.to_pandas()).to_parquet(tmp_path / "pairs.parquet")
    assert len(rows(Source.open(tmp_path / "pairs.parquet"), 0, 3)) == 3


def test_its_digest_tells_it_from_others(tmp_path: Path) -> None:
    path = tmp_path / "pairs.parquet"
    pq.write_table(TABLE, path)
    first = Source.open(path).digest()
    pq.write_table(TABLE, path)
    assert Source.open(path).digest() == first
    pq.write_table(TABLE.slice(1), path)
    assert Source.open(path).digest() != first


def test_its_digest_tells_a_label_that_changed(tmp_path: Path) -> None:
    """Of files that are equally long and say the same at their end."""
    path, found, ends = tmp_path / "pairs.parquet", set(), set()
    for sides in (["x", "y"], ["y", "x"]):
        table = pa.table({"user_id": ["a", "a"], "chosen": sides, "rejected": sides[::-1]})
        pq.write_table(table, path, write_statistics=False)
        data = path.read_bytes()
        ends.add(data[-8 - int.from_bytes(data[-8:-4], "little") :])
        found.add(Source.open(path).digest())
    assert len(ends) == 1 and len(found) == 2


def test_its_digest_tells_the_order_of_files(tmp_path: Path) -> None:
    for name in ("a.parquet", "b.parquet"):
        pq.write_table(TABLE, tmp_path / name)
    pq.write_table(TABLE.slice(1), tmp_path / "b.parquet")
    first = Source.open(tmp_path).digest()
    (tmp_path / "a.parquet").rename(tmp_path / "c.parquet")
    assert Source.open(tmp_path).digest() != first


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (TABLE.drop_columns("chosen"), "has no column 'chosen': it has user_id, rejected, more"),
        (TABLE.set_column(0, "user_id", pa.array([1, 2, 3])), "column 'user_id' is of type int64, not of strings"),
        (TABLE.slice(0, 0), "holds no reference pair"),
    ],
)
def test_a_table_at_fault_is_named(table: pa.Table, said: str, tmp_path: Path) -> None:
    pq.write_table(table, tmp_path / "pairs.parquet")
    with pytest.raises(InputError, match=said):
        Source.open(tmp_path / "pairs.parquet")


def test_a_missing_value_is_named_by_its_row(tmp_path: Path) -> None:
    broken = pa.array(["y", None, "x"])
    pq.write_table(TABLE.set_column(2, "rejected", broken), tmp_path / "pairs.parquet", row_group_size=1)
    with pytest.raises(InputError, match=r"pairs\.parquet, row 1: rejected is missing: fill it in or drop the row"):
        rows(Source.open(tmp_path / "pairs.parquet"), 0, 3)


def test_what_is_no_file_of_pairs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist: name a parquet file"):
        Source.open(tmp_path / "none.parquet")
    with pytest.raises(InputError, match=r"holds no \.parquet file"):
        Source.open(tmp_path)
    (tmp_path / "words.parquet").write_text("no table")
    with pytest.raises(InputError, match=r"words.parquet cannot be read as parquet"):
        Source.open(tmp_path)
