"""Pools of questions: read from a file that is checked, each response once."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from prefactor.asking import Pool, Question, read_pool
from prefactor.errors import InputError
from prefactor.preferences import Responses
from tests.asking.worlds import make_vrf
from tests.worlds import WIDTH

GOOD = [("p", "a", "b"), ("p", "b", "c"), ("q", "a", "b")]
SECRET = "what nobody should read in a log"


def write(folder: Path, rows, types=None, columns=("prompt", "first", "second")) -> Path:
    path = folder / "pool.parquet"
    pq.write_table(
        pa.table({name: pa.array([row[at] for row in rows], types) for at, name in enumerate(columns)}), path
    )
    return path


def test_a_file_becomes_pairs_over_texts_of_which_each_is_there_once(tmp_path: Path) -> None:
    pool = read_pool(write(tmp_path, GOOD))
    assert pool.texts == (("p", "a"), ("p", "b"), ("p", "c"), ("q", "a"), ("q", "b"))
    assert [pool.question(row) for row in range(len(pool))] == [Question(*row) for row in GOOD]
    assert SECRET not in repr(Pool.of([Question("p", SECRET, "b")]))


def test_states_are_gathered_once_and_read_once() -> None:
    pool, model = Pool.of([Question(*row) for row in GOOD]), make_vrf()
    states = torch.randn(len(pool.texts), WIDTH, generator=torch.Generator().manual_seed(0))
    known = pool.with_responses(Responses({"states": states}, torch.full((5,), -1)))
    torch.testing.assert_close(known.read(model).basis(model), known.basis(model))
    assert known.basis(model).shape[0] == 5


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*GOOD, ("p", None, "b")], r"1 row\(s\) with no first \(null\): row 4.*fill it in"),
        ([*GOOD, ("p", SECRET, " ")], r"1 row\(s\) with an empty second: row 4.*remove"),
        ([("", "a", "b")], r"an empty prompt: row 1"),
        ([*GOOD, ("p", SECRET, SECRET)], r"same text as first and second: row 4 \(a text of 32 characters\)"),
        ([*GOOD, ("p", "b", "a"), ("p", "a", "b")], r"2 row\(s\) with a question of an earlier row: row 4.*row 5"),
        ([], "holds no questions"),
    ],
)
def test_what_is_no_question_is_refused_with_its_row_and_without_its_text(tmp_path: Path, rows, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        read_pool(write(tmp_path, rows))
    assert SECRET not in str(refused.value) and "pool.parquet" in str(refused.value)


def test_files_that_are_no_pool_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing.parquet does not exist"):
        read_pool(tmp_path / "nothing.parquet")
    with pytest.raises(InputError, match="needs one column 'second'"):
        read_pool(write(tmp_path, GOOD, columns=("prompt", "first", "third")))
    with pytest.raises(InputError, match="must be text, but are"):
        read_pool(write(tmp_path, [([1], [2], [3])], pa.list_(pa.int64())))
    (tmp_path / "text.parquet").write_text("prompt,first,second")
    with pytest.raises(InputError, match="cannot be read as parquet"):
        read_pool(tmp_path / "text.parquet")


def test_empty_prompts_are_legal_where_the_dataset_has_them(tmp_path: Path) -> None:
    assert len(read_pool(write(tmp_path, [("", "a", "b")]), empty_prompts=True)) == 1
