"""Shards: a run that stopped goes on where it was, and ends in the same file as one that did not."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefactor.datasets.lamp.candidates import MADE, SCHEMA
from prefactor.datasets.lamp.person import Person
from prefactor.datasets.lamp.published import find_published
from prefactor.decoding.policies.shards import Shards, chosen_people, drawn
from prefactor.errors import InputError
from tests.datasets.lamp.small import PEOPLE as COUNT
from tests.datasets.lamp.small import files

PUBLISHED = find_published(files() / "LaMP_4")
MADE_OF = {"model": {"model": "any"}, "seed": 0}


class Pen:
    """Writes a row for each person, until it breaks."""

    def __init__(self, breaks: int = 99) -> None:
        self.calls, self.breaks = 0, breaks

    def __call__(self, people: Sequence[Person]) -> pa.Table:
        self.calls += 1
        if self.calls > self.breaks:
            raise KeyboardInterrupt
        names = {"prompt": "p", "response": "r", "query_id": "q", "kind": "question", "policy": "base", "about": "{}"}
        rows = [{"user_id": one.id, **names, "sample": 0, "tokens": 1, "finished": True} for one in people]
        scores = {"rouge1": 0.0, "rougeL": 0.0, "gold_utility": 0.0}
        return pa.Table.from_pylist([{**row, **scores} for row in rows], SCHEMA)


def fill(shards: Shards, pen: Pen) -> None:
    shards.fill(chosen_people(PUBLISHED, None), COUNT, 3, pen)


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    output = tmp_path / "candidates.parquet"
    with pytest.raises(KeyboardInterrupt):
        fill(Shards(output, MADE_OF), Pen(breaks=2))
    assert not output.exists() and not Shards(output, MADE_OF).is_done()
    rest, whole = Pen(), Pen()
    fill(Shards(output, MADE_OF), rest)
    fill(Shards(tmp_path / "whole.parquet", MADE_OF), whole)
    assert (rest.calls, whole.calls) == (1, 3)
    assert output.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["candidates.parquet", "whole.parquet"]
    assert Shards(output, MADE_OF).is_done() and not Shards(output, {**MADE_OF, "seed": 1}).is_done()
    assert b'"seed": 0' in pq.read_schema(output).metadata[MADE]
    assert pq.read_table(output)["user_id"].to_pylist() == [one.id for one in PUBLISHED.people()]


def test_what_was_begun_otherwise_is_begun_anew(tmp_path: Path) -> None:
    output, pen = tmp_path / "candidates.parquet", Pen()
    with pytest.raises(KeyboardInterrupt):
        fill(Shards(output, MADE_OF), Pen(breaks=2))
    fill(Shards(output, {**MADE_OF, "seed": 1}), pen)
    assert pen.calls == 3


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    output = tmp_path / "candidates.parquet"
    with pytest.raises(KeyboardInterrupt):
        fill(Shards(output, MADE_OF), Pen(breaks=1))
    (shard,) = tmp_path.glob(".*/shard-*")
    shard.write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"shard-00000.parquet is not what was written there .* delete"):
        fill(Shards(output, MADE_OF), Pen())
    assert not output.exists()


def test_a_file_of_something_else_is_not_done(tmp_path: Path) -> None:
    output = tmp_path / "candidates.parquet"
    output.write_bytes(b"something else")
    assert not Shards(output, MADE_OF).is_done()


def test_people_are_drawn_by_their_hash() -> None:
    few, more = drawn(PUBLISHED, 3), drawn(PUBLISHED, 5)
    assert few is not None and more is not None and len(few) == 3 and few < more
    assert drawn(PUBLISHED, None) is None
    assert [one.id for one in chosen_people(PUBLISHED, few)] == [one.id for one in PUBLISHED.people() if one.id in few]
    with pytest.raises(InputError, match=f"people is 99, but split 'dev' of .* has {COUNT}"):
        drawn(PUBLISHED, 99)
