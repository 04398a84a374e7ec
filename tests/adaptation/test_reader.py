"""Batches of whole users, however the rows lie in files; and what is wrong with a row, by its place."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.adaptation.parts import Part
from prefactor.adaptation.reader import Batch, read_batches
from prefactor.adaptation.shelf import Shelf
from prefactor.adaptation.source import Source
from prefactor.errors import InputError
from tests.adaptation.worlds import TEXT_IDS, TEXTS, InMemory, make_batch, make_model, table_of

MODEL = make_model()


def write(folder: Path, table: pa.Table, cut: int, row_group: int) -> Source:
    for name, part in {"a": table.slice(0, cut), "b": table.slice(cut)}.items():
        pq.write_table(part, folder / f"{name}.parquet", row_group_size=row_group)
    return Source.open(folder)


def batches(source: Source, part: Part, rows: int, shared: bool) -> list[Batch]:
    whole = Shelf(MODEL, InMemory(), TEXTS)
    return list(read_batches(source, part, rows, lambda n: whole if shared else Shelf(MODEL, InMemory(), n)))


@settings(deadline=None, max_examples=50)
@given(
    counts=st.lists(st.integers(1, 8), min_size=1, max_size=12),
    cut=st.integers(0, 40),
    row_group=st.integers(1, 9),
    rows=st.integers(1, 25),
    shared=st.booleans(),
)
def test_batches_are_of_whole_users(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], cut: int, row_group: int, rows: int, shared: bool
) -> None:
    pairs = make_batch(counts)
    source = write(tmp_path_factory.mktemp("pairs"), table_of(pairs), cut, row_group)
    first = counts[0] if len(counts) > 1 else 0
    found = batches(source, Part(0, first, len(pairs), len(counts)), rows, shared)
    users = [user for batch in found for user in batch.user_ids.to_pylist()]
    assert users == [f"user-{number:04d}" for number in range(1 if first else 0, len(counts))]
    assert [n for batch in found for n in batch.pairs.count.tolist()] == counts[1 if first else 0 :]
    texts = [(texts_of(batch, 0), texts_of(batch, 1)) for batch in found]
    chosen, rejected = ([text for batch in texts for text in batch[side]] for side in (0, 1))
    assert chosen == pairs.chosen[first:].tolist() and rejected == pairs.rejected[first:].tolist()


def texts_of(batch: Batch, side: int) -> list[int]:
    """The texts of the pairs' first or second side, by what is on the shelf: rows tell which text they are of."""
    numbers = batch.shelf.rows(TEXT_IDS[:0]).tolist() + [
        TEXT_IDS.index(text_id) for text_id in sorted(batch.shelf._row, key=batch.shelf._row.__getitem__)
    ]
    assert (batch.pairs.sides[:, side] % 2 == side).all()
    return [numbers[row // 2 - 1] for row in batch.pairs.sides[:, side].tolist()]


@pytest.mark.parametrize("cut", [0, 3, 6])
def test_equal_texts_are_named_by_their_row(cut: int, tmp_path: Path) -> None:
    table = table_of(make_batch([2, 4, 2]))
    chosen = table["chosen"].to_pylist()
    chosen[5] = table["rejected"][5].as_py()
    source = write(tmp_path, table.set_column(1, "chosen", pa.array(chosen)), cut, 2)
    where = f"b.parquet, row {5 - cut}" if cut < 6 else "a.parquet, row 5"
    with pytest.raises(InputError, match=f"{where}: chosen and rejected are the same text: drop the row"):
        batches(source, Part(0, 0, 8, 3), 3, True)


def test_a_text_that_has_no_states_is_named(tmp_path: Path) -> None:
    class Lacking(InMemory):
        def gather(self, text_ids):  # type: ignore[no-untyped-def]
            raise InputError("cache lacks the states of 1 of 2 texts, e.g. text_id 'x': rerun stage embed")

    source = write(tmp_path, table_of(make_batch([2])), 0, 5)
    with pytest.raises(InputError, match=r"b\.parquet: cache lacks the states of 1 of 2 texts"):
        list(read_batches(source, Part(0, 0, 2, 1), 5, lambda n: Shelf(MODEL, Lacking(), n)))
