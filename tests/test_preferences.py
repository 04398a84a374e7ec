"""The data model: tables that keep their schema, batches that mean the same however they are cut."""

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.errors import InputError
from prefactor.preferences import (
    CANDIDATES,
    PAIRS,
    TEXTS,
    PairBatch,
    Preferences,
    Responses,
    TextBatches,
    content_id,
)


def tables(**changed: pa.Table | TextBatches | None) -> Preferences:
    first, second = content_id("p", "a"), content_id("p", "b")
    given = {
        "texts": pa.table({"text_id": [first, second], "prompt": ["p", "p"], "response": ["a", "b"]}),
        "pairs": pa.table(
            {
                "order": pa.array([3], pa.int32()),
                "margin": pa.nulls(1),
                "pair_id": [content_id("u", first, second)],
                "user_id": ["u"],
                "group_id": ["g"],
                "chosen": [first],
                "rejected": [second],
            }
        ),
        "users": pa.table({"user_id": ["u"], "weight": [[0.25, 0.75]]}),
        "candidates": pa.table({"group_id": ["g", "g"], "text_id": [first, second], "humour": [0.5, -0.5]}),
    }
    return Preferences(**{**given, **changed}, source={"name": "test", "empty_prompts": False})


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8")), min_size=1, max_size=3))
def test_ids_are_what_duckdb_makes_of_them(parts: list[str]) -> None:
    joined = duckdb.execute("SELECT substr(sha256(array_to_string(?, chr(31))), 1, 32)", [parts]).fetchone()
    assert joined == (content_id(*parts),)
    assert len(content_id(*parts)) == 32


def test_ids_tell_where_one_part_ends() -> None:
    assert content_id("ab", "c") != content_id("a", "bc") != content_id("abc")


def test_saved_tables_have_their_schema_and_what_the_source_added(tmp_path: Path) -> None:
    tables().save(tmp_path / "out")
    assert pq.read_schema(tmp_path / "out" / "texts.parquet").equals(TEXTS)
    assert pq.read_schema(tmp_path / "out" / "pairs.parquet").equals(PAIRS), "columns in order, types widened"
    assert pq.read_table(tmp_path / "out" / "users.parquet")["weight"].to_pylist() == [[0.25, 0.75]]
    assert pq.read_schema(tmp_path / "out" / "candidates.parquet").names == [*CANDIDATES.names, "humour"]
    assert json.loads((tmp_path / "out" / "source.json").read_text()) == {"name": "test", "empty_prompts": False}
    assert pq.ParquetFile(tmp_path / "out" / "pairs.parquet").metadata.row_group(0).column(0).compression == "ZSTD"


def test_candidates_are_optional_and_do_not_outlive_a_rebuild(tmp_path: Path) -> None:
    tables().save(tmp_path / "out")
    tables(candidates=None).save(tmp_path / "out")
    assert sorted(item.name for item in (tmp_path / "out").iterdir()) == [
        "pairs.parquet",
        "source.json",
        "texts.parquet",
        "users.parquet",
    ]


TEXT = tables().texts
WRONG = [
    ("texts", TEXT.drop_columns("prompt"), r"table texts lacks column\(s\) \['prompt'\]"),
    ("texts", TEXT.append_column("extra", [["x", "y"]]), r"table texts has unexpected column\(s\) \['extra'\]"),
    ("texts", TEXT.set_column(1, "prompt", [["p", None]]), "table texts, column prompt: 1 null value"),
    ("texts", TEXT.set_column(1, "prompt", [[["p"], ["q"]]]), "table texts cannot take its schema"),
    ("pairs", tables().pairs.set_column(0, "order", [["late"]]), "table pairs cannot take its schema"),
    ("users", pa.table({"user": ["u"]}), r"table users lacks column\(s\) \['user_id'\]"),
    ("candidates", pa.table({"group_id": ["g"]}), r"table candidates lacks column\(s\) \['text_id'\]"),
]


@pytest.mark.parametrize(("name", "table", "expected"), WRONG, ids=[f"{row[0]}-{i}" for i, row in enumerate(WRONG)])
def test_a_wrong_table_is_named_and_nothing_is_written(
    tmp_path: Path, name: str, table: pa.Table, expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        tables(**{name: table}).save(tmp_path / "out")
    assert not list(tmp_path.iterdir())


def in_batches(*sizes: int, fail_after: int | None = None) -> TextBatches:
    """Texts that are made only when they are asked for."""

    def make() -> Iterator[pa.Table]:
        for number, size in enumerate(sizes):
            if number == fail_after:
                raise InputError("row 7 is bad: correct it")
            responses = [f"{number} {row}" for row in range(size)]
            ids = [content_id("p", response) for response in responses]
            yield pa.table({"text_id": ids, "prompt": ["p"] * size, "response": responses}, TEXTS)

    return TextBatches(make)


def test_texts_in_batches_are_written_as_the_table_that_they_are(tmp_path: Path) -> None:
    batches = in_batches(3, 0, 2)
    tables(texts=batches).save(tmp_path / "out")
    written = pq.ParquetFile(tmp_path / "out" / "texts.parquet")
    assert written.read().equals(batches.table()) and written.schema_arrow.equals(TEXTS)
    assert max(written.metadata.row_group(group).num_rows for group in range(written.num_row_groups)) == 3
    tables(texts=in_batches()).save(tmp_path / "none")
    assert pq.read_table(tmp_path / "none" / "texts.parquet").equals(TEXTS.empty_table())


def test_batches_are_made_anew_every_time_and_one_by_one() -> None:
    batches = in_batches(2, 2, fail_after=1)
    for _ in range(2):
        read = iter(batches)
        assert len(next(read)) == 2
        with pytest.raises(InputError, match="row 7"):
            next(read)


def test_a_batch_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="row 7"):
        tables(texts=in_batches(2, 2, fail_after=1)).save(tmp_path / "out")
    with pytest.raises(InputError, match="table texts lacks column"):
        tables(texts=TextBatches(lambda: [pa.table({"text_id": ["a"]})])).save(tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_source_that_is_no_json_leaves_nothing_behind(tmp_path: Path) -> None:
    good = tables()
    with pytest.raises(ValueError, match="JSON"):
        Preferences(good.texts, good.pairs, good.users, None, {"score": float("nan")}).save(tmp_path / "out")
    assert not list(tmp_path.iterdir())


@st.composite
def batches(draw: st.DrawFn) -> PairBatch:
    """Batches of 0 to 8 pairs of 1 to 4 users over 6 responses, whose one view is the response's own number."""
    pairs, users = draw(st.integers(0, 8)), draw(st.integers(1, 4))

    def column(below: int) -> torch.Tensor:
        return torch.tensor(draw(st.lists(st.integers(0, below - 1), min_size=pairs, max_size=pairs)), dtype=torch.long)

    responses = Responses({"states": torch.arange(6.0)[:, None]}, torch.arange(6) + 100)
    reference = column(2).bool() if draw(st.booleans()) else None
    return PairBatch(responses, column(6), column(6), column(users), torch.arange(users), reference)


def looked_up(batch: PairBatch, side: torch.Tensor) -> list[tuple[float, int]]:
    states, text = batch.responses.views["states"][side, 0], batch.responses.text[side]
    return list(zip(states.tolist(), text.tolist(), strict=True))


@given(batches())
def test_compact_keeps_every_pair_and_only_used_responses(batch: PairBatch) -> None:
    small = batch.compact()
    assert looked_up(small, small.chosen) == looked_up(batch, batch.chosen)
    assert looked_up(small, small.rejected) == looked_up(batch, batch.rejected)
    assert len(small.responses) == len({*batch.chosen.tolist(), *batch.rejected.tolist()})
    assert torch.equal(small.segment, batch.segment)
    assert len(small) == len(batch)


@given(batches())
def test_references_and_targets_are_a_partition(batch: PairBatch) -> None:
    parts = [batch.references(), batch.targets()]
    if batch.reference is None:
        assert parts == [batch, batch]
        return
    assert sum(len(part) for part in parts) == len(batch)
    assert torch.equal(sum(part.pairs_per_user() for part in parts), batch.pairs_per_user())  # type: ignore[arg-type]
    assert all(part.n_users == batch.n_users for part in parts), "a user without pairs stays"
    assert parts[0].reference is not None
    assert parts[0].reference.all()
    assert parts[1].reference is not None
    assert not parts[1].reference.any()


@given(batches())
def test_pairs_per_user_counts_everyone(batch: PairBatch) -> None:
    counts = batch.pairs_per_user()
    assert counts.shape == (batch.n_users,)
    assert counts.tolist() == [batch.segment.tolist().count(user) for user in range(batch.n_users)]


def test_responses_are_indexed_and_moved_together() -> None:
    responses = Responses({"states": torch.arange(6.0).view(3, 2), "surface": torch.ones(3, 1)}, torch.arange(3))
    some = responses[torch.tensor([2, 0])]
    assert len(some) == 2
    assert some.views["states"].tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert some.text.tolist() == [2, 0]
    moved = responses.to("meta")
    assert {view.device.type for view in [*moved.views.values(), moved.text]} == {"meta"}
