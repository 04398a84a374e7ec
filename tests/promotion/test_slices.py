"""Who is looked at, and when a group counts as harmed."""

from pathlib import Path

import numpy as np
import pytest

from prefactor.errors import InputError
from prefactor.promotion.evaluation_set import frozen_set
from prefactor.promotion.parameters import SlicesGate
from prefactor.promotion.score import Score
from prefactor.promotion.slices import Slice, slice_table, slices_of
from prefactor.promotion.text_states import TextStates
from tests.promotion.project import DATASET
from tests.promotion.test_difference import made_up

LEVEL = 0.05


def score_of(accuracy: np.ndarray, uncertainty: np.ndarray | None = None) -> Score:
    whole = made_up(accuracy)
    return Score({None: whole.accuracy[None]}, {None: None}, whole.forecast, uncertainty)


@pytest.fixture(scope="module")
def evaluation(project: Path):
    return frozen_set(project, DATASET, {})


@pytest.fixture(scope="module")
def cohort(project: Path, evaluation):
    from prefactor.promotion.loading import load_version
    from prefactor.tracking.store import client_of

    served = load_version(client_of(f"sqlite:///{project}/mlruns/mlflow.db"), "prefactor-tiny").served
    return evaluation.cohort("states", TextStates(project, DATASET, served))


def test_users_are_grouped_by_attribute_and_uncertainty_and_everyone_by_few_pairs(evaluation, cohort):
    users = len(cohort)
    score = score_of(np.ones((users, 2)), np.arange(users, dtype=float))
    found = {each.name: each for each in slices_of(evaluation, cohort, score, SlicesGate(smallest=5, shots=(1, 99)))}
    assert found["known by 1 pair"].users is None and "known by 99 pairs" not in found
    thirds = [found[f"the champion's uncertainty: {name}"].users for name in ("low", "mid", "high")]
    assert np.array_equal(np.concatenate(thirds), np.arange(users)), "least first"
    ages = [each.users for name, each in found.items() if name.startswith("age: ")]
    assert np.array_equal(np.sort(np.concatenate(ages)), np.arange(users)) and min(map(len, ages)) >= 5
    assert not any(name.startswith("reference pairs") for name in found), "all gave as many"


def test_thirds_by_activity_keep_who_gave_as_many_together(evaluation, cohort):
    from dataclasses import replace

    known = cohort.part == 3
    rank = cohort.rank.clone()
    fewer = known & (cohort.pairs.segment % 2 == 0) & (rank >= 4)
    less = replace(cohort, pairs=cohort.pairs.select(~fewer), part=cohort.part[~fewer], rank=rank[~fewer], group=None)
    score = score_of(np.ones((len(cohort), 2)), np.zeros(len(cohort)))
    found = [each for each in slices_of(evaluation, less, score, SlicesGate(smallest=5)) if "reference" in each.name]
    assert [each.name for each in found] == ["reference pairs: 4", "reference pairs: 9"]
    assert all(len(set(each.users % 2)) == 1 for each in found)


def test_a_small_group_is_not_looked_at(evaluation, cohort):
    score = score_of(np.ones((len(cohort), 2)), np.arange(len(cohort), dtype=float))
    names = [each.name for each in slices_of(evaluation, cohort, score, SlicesGate(smallest=30, shots=(1,)))]
    assert names == ["known by 1 pair"]


def test_attributes_can_be_named(evaluation, cohort):
    score = score_of(np.ones((len(cohort), 2)), np.zeros(len(cohort)))
    none = SlicesGate(smallest=5, shots=(), attributes={DATASET: ()})
    assert slices_of(evaluation, cohort, score, none) == []
    with pytest.raises(InputError, match="no column 'agee'"):
        slices_of(evaluation, cohort, score, SlicesGate(attributes={DATASET: ("agee",)}))


def test_harm_is_seen_where_it_is_and_seldom_where_it_is_not():
    """Twenty slices of a model that is as good: all together are harmed in one of twenty worlds, not in each."""
    draw = np.random.default_rng(0)
    slices = [Slice(f"group {number}", np.arange(20 * number, 20 * number + 20)) for number in range(20)]
    gate = SlicesGate(level=LEVEL)
    false = 0
    for _ in range(30):
        before, now = (score_of(draw.random((400, 8)) < 0.7) for _ in range(2))
        false += bool(slice_table(slices, before, now, gate)["harmed"].any())
    assert false <= 7  # of 30 at 5 %: more has a probability of 1 in 5,000
    hurt = np.where(np.arange(400)[:, None] < 20, 0.3, 0.7)
    table = slice_table(slices, score_of(draw.random((400, 8)) < 0.7), score_of(draw.random((400, 8)) < hurt), gate)
    assert list(table[table["harmed"]]["slice"]) == ["group 0"]
    assert (table["at_most"] >= table["difference"]).all()


def test_a_certain_loss_within_the_tolerance_is_no_harm():
    draw = np.random.default_rng(1)
    right = draw.random((400, 8)) < 0.7
    worse = right & (draw.random((400, 8)) > 0.05)  # some 3.5 points
    everyone = [Slice("known by 1 pair", np.arange(400))]
    harmed = [
        slice_table(everyone, score_of(right), score_of(worse), SlicesGate(tolerance=tolerance))["harmed"].item()
        for tolerance in (0.0, 0.1)
    ]
    assert harmed == [True, False]
