"""``batches`` of a format: the rows of the whole file, some at a time, with faults at their place in it."""

import csv as plain
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.datasets.formats import csv, parquet
from prefactor.datasets.inputs import InputFile, examine
from prefactor.errors import InputError

cells = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=8)
COLUMNS = ("a", "b")


def as_parquet(path: Path, rows: list[tuple[str, ...]], row_group: int = 2) -> InputFile:
    table = pa.table(dict(zip((*COLUMNS, "unread"), map(list, zip(*rows, strict=True)), strict=True)))
    pq.write_table(table, path, row_group_size=row_group)
    return examine(path, "parquet")


def as_csv(path: Path, rows: list[tuple[str, ...]]) -> InputFile:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = plain.writer(handle, quoting=plain.QUOTE_ALL)
        writer.writerow((*COLUMNS, "unread"))
        writer.writerows(rows)
    return examine(path, "csv")


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=9), at_once=st.integers(1, 4))
def test_batches_are_the_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], at_once: int
) -> None:
    folder = tmp_path_factory.mktemp("batches")
    found = list(parquet.batches(as_parquet(folder / "a.parquet", rows), COLUMNS, at_once))
    assert max(map(len, found)) <= at_once
    expected = {name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)}
    assert pa.concat_tables(found).to_pydict() == expected
    again = pa.concat_tables(csv.batches(as_csv(folder / "a.csv", rows), COLUMNS))
    assert again.to_pydict() == expected and set(again.schema.types) == {pa.string()}


def test_a_csv_larger_than_a_block_comes_in_several_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "BLOCK_BYTES", 4096)
    rows = [(f"{number}", "x" * 100, "") for number in range(500)]
    file = as_csv(tmp_path / "a.csv", rows)
    found = list(csv.batches(file, COLUMNS))
    assert len(found) > 3 and max(map(len, found)) < 100
    assert pa.concat_tables(found)["a"].to_pylist() == [row[0] for row in rows]


def test_batches_come_in_the_order_of_columns_asked_for_by_name(tmp_path: Path) -> None:
    rows = [("1", "2", "3")]
    for batch in (
        *parquet.batches(as_parquet(tmp_path / "a.parquet", rows), ("b", "a"), 10),
        *csv.batches(as_csv(tmp_path / "a.csv", rows), ("b", "a")),
    ):
        assert batch.select(["a", "b"]).to_pylist() == [{"a": "1", "b": "2"}]


def test_bad_text_is_found_at_its_row_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    values = pa.array([b"fine"] * 5 + [b"\xff"]).view(pa.string())
    pq.write_table(pa.table({"a": values}), path)
    read = parquet.batches(examine(path, "parquet"), ("a",), 2)
    assert len(next(read)) == 2
    with pytest.raises(InputError, match=r"a\.parquet, row 6: column 'a' holds bytes that are not valid UTF-8"):
        list(read)


def test_damage_within_a_parquet_file_is_an_input_error(tmp_path: Path) -> None:
    file = as_parquet(tmp_path / "a.parquet", [(f"{number}" * 50, "b", "c") for number in range(200)], 100)
    content = bytearray(file.path.read_bytes())
    content[40:400] = bytes(360)
    file.path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.parquet"):
        list(parquet.batches(file, COLUMNS, 10))


FAULTS = {
    "a cell too few": (b"a,b\n1,2\n3\n", r"1 row\(s\) without the header's 2 cells: row 2 has 1; put cells"),
    "a stray quote": (b'a,b\n1,2\n"3,4\n', "row 2: unexpected end of data: close every double quote"),
}


@pytest.mark.parametrize(("content", "words"), FAULTS.values(), ids=FAULTS)
def test_bad_csv_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError, match=words):
        list(csv.batches(examine(tmp_path / "a.csv", "csv"), COLUMNS))
