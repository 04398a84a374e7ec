"""Accuracy by what users said of themselves: who is in which group, who is pooled, and how far groups are apart."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefactor.errors import InputError
from prefactor.evaluation.accuracy import UserFigures
from prefactor.evaluation.intervals import over_users
from prefactor.evaluation.items import Outcomes, over_users_and_items
from prefactor.evaluation.results import Judged, result_rows
from prefactor.evaluation.slices import (
    BY_ATTRIBUTE,
    FROM_OTHERS,
    NOT_SAID,
    OTHERS,
    pooled,
    read_groups,
    slice_rows,
)
from prefactor.tracking.measures import _finals

IDENTITY = {"dataset": "d", "protocol": "p", "backbone": "b", "method": "m", "variant": "v", "run": "r"}
PAIRS = 6


def judged(right: np.ndarray, split: str = "unseen", items: np.ndarray | None = None) -> Judged:
    """Users with ``right`` (S, U, PAIRS) for each seed, on the same prompts or on those of ``items`` (U, PAIRS)."""
    users = right.shape[1]
    prompt = np.tile(np.arange(PAIRS), users) if items is None else items.ravel()
    figures = {}
    for seed, values in enumerate(right.mean(2)):
        nothing = np.zeros(users)
        figures[str(seed)] = UserFigures(values, nothing, np.full(users, PAIRS), nothing, nothing, nothing)
    outcomes = Outcomes(right.mean(0).ravel(), np.repeat(np.arange(users), PAIRS), prompt[:, None], "prompts")
    names = tuple(f"u{number}" for number in range(users))
    return Judged(split, None, names, figures, outcomes={"accuracy": outcomes})


def chance(seed: int, users: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 2, (2, users, PAIRS)).astype(float)


def groups_of(labels: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({"age": labels}, index=[f"u{number}" for number in range(len(labels))])


def read(folder: Path, column: pa.Array | list[object]) -> list[str]:
    """The groups of users with one attribute."""
    ids = pa.array([f"u{number}" for number in range(len(column))])
    pq.write_table(pa.table({"user_id": ids, "x": column}), folder / "users.parquet")
    return read_groups(folder, ("x",))["x"].tolist()


def test_words_are_groups_and_who_said_nothing_is_one(tmp_path: Path) -> None:
    assert read(tmp_path, ["a", None, " ", "b c", "b\n c"]) == ["a", NOT_SAID, NOT_SAID, "b c", "b c"]
    assert read(tmp_path, pa.array(["a", None]).dictionary_encode()) == ["a", NOT_SAID]
    assert read(tmp_path, [True, None, False]) == ["yes", NOT_SAID, "no"]


def test_numbers_are_cut_at_the_quartiles_of_everybody(tmp_path: Path) -> None:
    found = read(tmp_path, [float(number) for number in range(101)] + [None, float("nan")])
    sizes = pd.Series(found).value_counts()
    assert dict(sizes) == {"0 to 25": 26, "25 to 50": 25, "50 to 75": 25, "75 to 100": 25, NOT_SAID: 2}
    assert found[25] == "0 to 25" and found[26] == "25 to 50"
    assert read(tmp_path, [1, 2, 2, 4, None]) == ["1", "2", "2", "4", NOT_SAID]
    assert set(read(tmp_path, [*range(10), *[50] * 90])) == {"0 to 50"}  # nearly all said the same


def test_an_attribute_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    table = pa.table({"user_id": ["u0"], "gender": ["x"], "weight": [[0.5, 0.5]]})
    pq.write_table(table, tmp_path / "users.parquet")
    with pytest.raises(InputError, match=r"no column 'gendr' .* did you mean 'gender'\?"):
        read_groups(tmp_path, ("gender", "gendr"))
    for other in ("weight", "user_id"):
        with pytest.raises(InputError, match=f"no column '{other}' of words or numbers"):
            read_groups(tmp_path, (other,))
    pq.write_table(table.select(["user_id"]), tmp_path / "users.parquet")
    with pytest.raises(InputError, match="it has none"):
        read_groups(tmp_path, ("age",))
    with pytest.raises(InputError, match="run stage prepare"):
        read_groups(tmp_path / "nowhere", ("age",))


@given(st.lists(st.sampled_from(["a", "b", "c", "d", OTHERS, NOT_SAID])), st.integers(2, 9))
def test_every_user_is_in_one_group_and_none_is_small(labels: list[str], smallest: int) -> None:
    """So that no group's figure follows from the others' and the whole's."""
    found = pooled(labels, smallest)
    assert len(found) != 1
    assert all(len(places) >= smallest for places in found.values())
    if found:
        assert sorted(np.concatenate([*found.values()])) == [*range(len(labels))]
    sizes = pd.Series(labels, dtype=object).value_counts()
    if (sizes >= smallest).all() and len(sizes) > 1:
        assert {name: len(places) for name, places in found.items()} == dict(sizes)


def test_small_groups_are_pooled() -> None:
    def sizes(*counts: int) -> dict[str, int]:
        labels = [name for name, count in zip("abcd", counts, strict=False) for _ in range(count)]
        return {name: len(places) for name, places in pooled(labels, 5).items()}

    assert sizes(9, 7, 3, 2) == {"a": 9, "b": 7, OTHERS: 5}
    assert sizes(9, 7, 3) == {"a": 9, f"b or {OTHERS}": 10}
    assert sizes(9, 7, 1, 1) == {"a": 9, f"b or {OTHERS}": 9}
    assert sizes(9, 3) == sizes(3, 1) == sizes(9) == sizes() == {}


def test_figures_and_intervals_are_those_of_the_group() -> None:
    found, labels = judged(chance(0, 40)), np.array(["old", "young", "young", "young"] * 10)
    rows = slice_rows([found], groups_of(labels), 5, IDENTITY)
    accuracy = np.mean([figures.accuracy for figures in found.figures.values()], axis=0)
    for name in ("old", "young"):
        users = np.flatnonzero(labels == name)
        alone, both = over_users(accuracy[users]), over_users_and_items([found.outcomes["accuracy"].of_users(users)])
        (row,) = rows[(rows.metric == BY_ATTRIBUTE) & (rows.setting == f"age={name}")].to_dict("records")
        assert [row["value"], row["ci_low"], row["ci_high"]] == pytest.approx([alone.value, alone.low, alone.high])
        assert [row["low_items"], row["high_items"]] == pytest.approx([both.low, both.high])
        assert (row["n_users"], row["n_pairs"], row["n_items"]) == (len(users), PAIRS * len(users), PAIRS)
    assert set(rows["seed"]) == {"all"} and rows["shots"].isna().all() and set(rows["split"]) == {"unseen"}
    apart = rows[rows.metric == FROM_OTHERS].set_index("setting")
    gap = accuracy[labels == "old"].mean() - accuracy[labels == "young"].mean()
    assert apart.loc["age=old", "value"] == pytest.approx(gap) == pytest.approx(-apart.loc["age=young", "value"])
    for low, high in (("ci_low", "ci_high"), ("low_items", "high_items")):
        assert apart.loc["age=old", low] == pytest.approx(-apart.loc["age=young", high], abs=0.01)
        assert apart.loc["age=old", low] < gap < apart.loc["age=old", high]


def test_what_all_prompts_have_in_common_cancels_between_groups() -> None:
    """A prompt that is easy for everybody moves both groups: their difference is as sure as without it."""
    users, noise = 400, np.random.default_rng(1)
    easy = np.where(np.arange(PAIRS) < 3, 0.95, 0.05)
    right = (noise.random((2, users, PAIRS)) < easy).astype(float)
    labels = ["a", "b"] * (users // 2)
    rows = slice_rows([judged(right)], groups_of(labels), 5, IDENTITY).set_index(["metric", "setting"])
    own, apart = (rows.loc[metric, "age=a"] for metric in (BY_ATTRIBUTE, FROM_OTHERS))
    assert own["high_items"] - own["low_items"] > 0.4
    assert apart["high_items"] - apart["low_items"] < 0.1


def test_where_groups_do_not_differ_intervals_of_the_difference_hold_0() -> None:
    covered = []
    for seed in range(100):
        items = np.arange(60 * PAIRS).reshape(60, PAIRS)
        rows = slice_rows([judged(chance(seed, 60), items=items)], groups_of(["a", "b", "b"] * 20), 5, IDENTITY)
        row = rows[(rows.metric == FROM_OTHERS) & (rows.setting == "age=a")].iloc[0]
        covered.append([row.ci_low <= 0 <= row.ci_high, row.low_items <= 0 <= row.high_items])
    assert np.all(np.mean(covered, axis=0) > 0.88) and np.all(np.mean(covered, axis=0) < 0.99)


def test_users_without_evaluation_pairs_are_not_counted() -> None:
    found = judged(chance(0, 12))
    for figures in found.figures.values():
        figures.accuracy[:2], figures.pairs[:2] = np.nan, 0
    rows = slice_rows([found], groups_of(["a"] * 7 + ["b"] * 5), 5, IDENTITY)
    assert set(rows[rows.metric == BY_ATTRIBUTE].n_users) == {5} and rows["value"].notna().all()
    assert len(slice_rows([found], groups_of(["a"] * 6 + ["b"] * 6), 5, IDENTITY)) == 0


def test_no_attributes_no_rows() -> None:
    found = judged(chance(0, 12))
    for groups in (read_groups(Path("nowhere"), ()), pd.DataFrame(index=["u1"])):
        assert len(slice_rows([found], groups, 5, IDENTITY)) == 0


def test_few_shots_are_not_sliced_and_both_splits_are() -> None:
    """Each further condition would be another look at the same groups."""
    whole = judged(chance(0, 12))
    both = [judged(chance(1, 12), "seen"), whole, replace(whole, shots=3)]
    rows = slice_rows(both, groups_of(["a", "b"] * 6), 5, IDENTITY)
    assert set(rows["split"]) == {"seen", "unseen"} and rows["shots"].isna().all() and len(rows) == 8


def test_without_single_pairs_intervals_are_over_users_alone() -> None:
    found = judged(chance(0, 12))
    bare = Judged(found.split, None, found.user_ids, found.figures)
    rows = slice_rows([bare], groups_of(["a", "b"] * 6), 5, IDENTITY)
    assert len(rows) == 4 and set(rows["resampled"]) == {"users"} and rows["low_items"].isna().all()


@pytest.mark.parametrize("value", ["a;b=c", "n/a", "/", "../x", "a // b/", "é" * 300, "50% (+)", "."])
def test_any_value_makes_a_name_that_is_tracked(value: str, tmp_path: Path) -> None:
    """Settings join their parts by semicolons; MLflow takes names that are paths, and not any path."""
    from mlflow.utils.validation import _validate_metric_name

    label = read(tmp_path, [value])[0]
    rows = slice_rows([judged(chance(0, 12))], groups_of([label, "b"] * 6), 5, IDENTITY)
    assert len(rows) == 4 and rows["setting"].str.count(";").eq(0).all()
    for name, _, _ in _finals(rows):
        _validate_metric_name(name)
        assert len(name) <= 250


def test_rows_of_groups_leave_all_others_as_they_were() -> None:
    found = [judged(chance(0, 12)), judged(chance(1, 12), "seen")]
    plain = result_rows(found, {**IDENTITY, "setting": ""})
    sliced = slice_rows(found, groups_of(["a", "b"] * 6), 5, IDENTITY)
    assert not set(plain["metric"]) & set(sliced["metric"])
    assert [name for name, *_ in _finals(plain)] == [
        name for name, *_ in _finals(pd.concat([plain, sliced])) if "by_attribute" not in name
    ]
