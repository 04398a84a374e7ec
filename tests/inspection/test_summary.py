"""The figures are those that a plain count gives; damaged tables are named."""

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from prefactor.errors import InputError
from prefactor.inspection.summary import Turns, read_examples, summarise
from prefactor.parameters import as_dict
from prefactor.quality import QualityParameters, validate_tables
from tests.inspection.small import prepare
from tests.quality.small import change, make_preferences

ROWS = [
    ("anna", "Why so?", "A long answer.", "No."),
    ("anna", "What  then?\n", "é😀 yes", "no"),
    ("ben", "Why so?", "No.", "A long answer."),
    ("ben", "What  then?\n", "no", "yes yes yes"),
    ("ben", "Why so?", "No?", "No."),
]


def test_every_figure_of_a_few_rows(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "few", ROWS, margin=[1.0, -2.0, None, 4.0, 0.5], order=[0, 1, 0, 1, None])
    found = summarise(folder, "few")
    assert found.counts == {"users": 2, "pairs": 5, "groups": 2, "prompts": 2, "texts": 6}
    shown = {name: (spread.least, spread.median, spread.mean, spread.most) for name, spread in found.lengths.items()}
    assert shown == {
        "prompt characters": (7, 9.5, 9.5, 12),
        "prompt words": (2, 2.0, 2.0, 2),
        "response characters": (2, 4.5, 6.5, 14),
        "response words": (1, 1.5, 11 / 6, 3),
    }
    assert found.pairs_per_user is not None
    assert (found.pairs_per_user.least, found.pairs_per_user.mean, found.pairs_per_user.most) == (2, 2.5, 3)
    assert found.agreement is not None and (found.agreement.pairs, found.agreement.value) == (1, 0.0)
    assert found.balance is not None
    assert found.balance.longer.value == pytest.approx((1 + (0 + 0 + 0.5) / 3) / 2), "per user, then over users"
    assert found.balance.longer.intervals[0].n == 2
    assert found.margins is not None and (found.margins.known, found.margins.mean) == (4, 0.875)
    assert found.margins.quantiles[0] == -2.0 and found.margins.quantiles[-1] == 4.0
    assert found.turns == Turns(4, 2, 0, 1, {0: 2, 1: 2})
    json.dumps(as_dict(found), allow_nan=False)


def test_it_sees_what_the_gate_sees(tmp_path: Path) -> None:
    """And the tables that only some sources have."""
    make_preferences().save(tmp_path / "small")
    seen = validate_tables(tmp_path / "small", tmp_path / "docs", QualityParameters())["observed"]
    found = summarise(tmp_path / "small", "small")
    assert found.counts == {**found.counts, "users": seen["pairs"]["users"], "pairs": seen["pairs"]["rows"]}
    assert (found.counts["candidates"], found.counts["sets"], found.counts["groups"]) == (36, 12, 12)
    lengths, expected = found.lengths["response characters"], seen["response_characters"]
    assert [lengths.least, lengths.median, lengths.most] == [
        expected[name] for name in ("minimum", "median", "maximum")
    ]
    assert found.balance is not None
    assert found.balance.longer.value == pytest.approx(seen["label_balance"]["chosen_longer"]), "all gave as many pairs"
    assert found.margins is None and found.turns is None


def test_without_prompts_there_are_no_lengths_of_them(tmp_path: Path) -> None:
    make_preferences(empty_prompts=True).save(tmp_path / "jokes")
    found = summarise(tmp_path / "jokes", "jokes")
    assert found.counts["prompts"] == 0 and set(found.lengths) == {"response characters", "response words"}


def test_one_user_has_shares_without_intervals(tmp_path: Path) -> None:
    found = summarise(prepare(tmp_path / "one", ROWS[:2]), "one")
    assert found.balance is not None and found.balance.longer.value == 1.0
    assert (found.balance.longer.intervals[0].low, found.balance.longer.intervals[0].n) == (None, 1)
    assert found.agreement is None


def test_many_different_times_are_told_by_their_range(tmp_path: Path) -> None:
    rows = [("u", f"p{number}", "a", "b") for number in range(30)]
    found = summarise(prepare(tmp_path / "times", rows, order=list(range(100, 130))), "times")
    assert found.turns == Turns(30, 30, 100, 129, {})


def test_examples_are_as_many_as_asked_for_and_can_be_read(tmp_path: Path) -> None:
    long = ("anna", "Long?", "word " * 900, "short")
    folder = prepare(tmp_path / "few", [*ROWS, long])
    assert read_examples(folder, 0) == ()
    one, both, all_there_are = (read_examples(folder, count) for count in (1, 2, 9))
    assert len(one) == 1 and {example.prompt for example in both} == {"Why so?", "What  then?\n"}
    assert len(all_there_are) == 2, "of different prompts, and none that is too long"
    assert {(example.prompt, example.chosen, example.rejected) for example in both} <= {row[1:] for row in ROWS}


@pytest.mark.parametrize("damage", ["missing", "cut", "column"])
def test_damaged_tables_are_named(tmp_path: Path, damage: str) -> None:
    folder = prepare(tmp_path / "few", ROWS)
    path = folder / "texts.parquet"
    if damage == "column":
        pq.write_table(pq.read_table(path).drop_columns("prompt"), path)
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    else:
        path.unlink()
    with pytest.raises(InputError, match=r"texts\.parquet.*run stage prepare again"):
        summarise(folder, "few")


def test_a_user_without_pairs_counts_as_one(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "few", ROWS)
    change(folder / "users.parquet", lambda old: pd.concat([old, pd.DataFrame([{"user_id": "idle"}])]))
    found = summarise(folder, "few")
    assert found.pairs_per_user is not None and found.pairs_per_user.least == 0
    assert found.balance is not None and found.balance.longer.intervals[0].n == 2
