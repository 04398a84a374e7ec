"""Log-probabilities without some texts': all others' are what they were, and where they were."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.decoding.likelihoods import PART, SCHEMA
from prefactor.forgetting.likelihoods import in_likelihoods
from prefactor.forgetting.mentions import mentions
from prefactor.forgetting.traces import Traces
from tests.forgetting.project import write_likelihoods

ROWS = 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_likelihoods(tmp_path / "tiny", ROWS)
    return tmp_path / "tiny"


def parts(folder: Path) -> list[pa.Table]:
    """In the order of their numbers, none of which is missing: the next new part is named by how many there are."""
    names = sorted(path.name for path in folder.glob("part-*"))
    assert names == [PART.format(number) for number in range(len(names))]
    return [pq.read_table(folder / name) for name in names]


@pytest.mark.parametrize("lost", [slice(0, 1), slice(3, 200, 7), slice(0, ROWS), slice(None)])
def test_theirs_are_gone_and_others_stay_in_their_parts(folder: Path, lost: slice) -> None:
    before = parts(folder)
    text_ids = set(pa.concat_tables(before)["text_id"].to_pylist()[lost])
    expected = [[row for row in part.to_pylist() if row["text_id"] not in text_ids] for part in before]
    for count in (sum(map(len, before)) - sum(map(len, expected)), 0):
        removal = in_likelihoods(folder, text_ids)
        assert removal.what == f"{count:,} log-probabilities of texts"
        removal.do()
        assert [part.to_pylist() for part in parts(folder)] == expected
    assert all(part.schema.equals(SCHEMA) for part in parts(folder))
    assert not [path for path in folder.iterdir() if mentions(path, Traces(hashes=frozenset(text_ids)))]


def test_parts_without_them_are_not_touched(folder: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    first = parts(folder)[0]["text_id"][0].as_py()
    holding = {PART.format(number) for number, part in enumerate(parts(folder)) if first in part["text_id"].to_pylist()}
    in_likelihoods(folder, {first}).do()
    assert {path.name for path in folder.iterdir() if before[path.name] != path.stat().st_mtime_ns} == holding
    assert len(holding) < len(parts(folder))


@pytest.mark.parametrize("damage", ["torn", "other columns"])
def test_a_folder_with_a_damaged_part_goes_whole(folder: Path, damage: str) -> None:
    part, text_id = folder / PART.format(1), parts(folder)[0]["text_id"][0].as_py()
    if damage == "torn":
        part.write_bytes(part.read_bytes()[:-3])
    else:
        pq.write_table(pq.read_table(part).drop_columns("text_id"), part)
    removal = in_likelihoods(folder, {text_id})
    assert removal.what == "the whole folder"
    removal.do()
    assert not folder.exists()
