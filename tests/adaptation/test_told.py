"""What is told of users, as parquet: types that any reader takes, and bytes that the user store takes."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from prefactor.adaptation.adapter import Adapter
from prefactor.adaptation.told import STATE, bytes_per_user, packed_rows, told_table, writer
from prefactor.methods.vrf import VRF
from prefactor.serving.users.packing import packed, unpacked
from tests.adaptation.worlds import make_batch, make_model, on_shelf

COUNTS = [1, 9, 3, 4]


def table(model: VRF, state: bool = False) -> pa.Table:
    adapted = Adapter(model, state).adapt(*on_shelf(make_batch(COUNTS), model))
    return told_table(pa.array(["a", "b", "c", "d"], pa.large_string()), adapted)


def test_a_row_per_user_with_everything_in_it(tmp_path: Path) -> None:
    found = table(make_model())
    names = ["user_id", "pairs", "weight", "loading", "spread", "entropy", "weight_spread", "disagreement"]
    assert found.column_names == names and not any(field.nullable for field in found.schema)
    with writer(tmp_path / "told.parquet", found.schema) as file:
        file.write_table(found)
    read = pd.read_parquet(tmp_path / "told.parquet")
    assert read["pairs"].tolist() == COUNTS and read["user_id"].tolist() == list("abcd")
    assert [len(row) for row in read["weight"]] == [3] * 4 and [len(row) for row in read["loading"]] == [6] * 4
    assert read["weight"].map(sum).tolist() == pytest.approx([1.0] * 4, abs=1e-6)
    kinds = {name: pq.read_schema(tmp_path / "told.parquet").field(name).type for name in names}
    assert kinds["weight"].value_type == kinds["spread"] == kinds["disagreement"] == pa.float32()


def test_as_published_there_is_no_loading() -> None:
    assert table(make_model("published")).column_names == ["user_id", "pairs", "weight", "spread", "entropy"]


@pytest.mark.parametrize("name", ["published", "default", "unmatched"])
def test_states_are_what_the_user_store_keeps(name: str) -> None:
    model = make_model(name)
    kept = Adapter(model, state=True).adapt(*on_shelf(make_batch(COUNTS), model)).kept
    rows = packed_rows(kept).to_pylist()
    assert rows == [packed({part: values[row : row + 1] for part, values in kept.items()}) for row in range(4)]
    for row, data in enumerate(rows):
        again = unpacked(data)
        assert again is not None
        for part, values in kept.items():
            torch.testing.assert_close(again[part][0], values[row], rtol=0, atol=0)
    assert table(model, state=True)[STATE].to_pylist() == rows
    assert len(rows[0]) < bytes_per_user(model, True) + 600
