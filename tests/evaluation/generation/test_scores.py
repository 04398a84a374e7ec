"""Scorers of pairs beside reward models: the same figures as these have, few shots, paired differences."""

import pandas as pd
import pytest
import torch

from prefactor.cohorts import Cohort
from prefactor.errors import InputError
from prefactor.evaluation.fewshot import judge
from prefactor.evaluation.generation.scores import judge_scorers, scorer_differences, scorer_of, scorer_rows
from prefactor.evaluation.results import RESULTS, per_user_table
from prefactor.methods.base import Margin
from prefactor.preferences import PairBatch
from tests.methods.test_contract import make_model
from tests.worlds import make_cohort, make_cohorts

IDENTITY = {"dataset": "stylebench", "protocol": "global", "backbone": "lm", "variant": "default", "run": "r"}


def with_groups(cohort: Cohort, prompts: int = 7) -> Cohort:
    group = torch.arange(len(cohort.pairs)) % prompts
    return Cohort(cohort.role, cohort.user_ids, cohort.pairs, cohort.part, cohort.rank, group)


class Counting:
    """Right about a user if it knows ``needed`` of their pairs, silent else; counts how often it is asked."""

    def __init__(self, needed: int) -> None:
        self.needed, self.calls = needed, 0

    def __call__(self, known: PairBatch, pairs: PairBatch) -> Margin:
        self.calls += 1
        sure = (known.pairs_per_user()[pairs.segment] >= self.needed).double()
        return Margin(sure, torch.zeros_like(sure))


@pytest.fixture
def cohort() -> Cohort:
    return with_groups(make_cohort("unseen", 9, 3))


def test_accuracy_by_number_of_known_pairs(cohort: Cohort) -> None:
    scorer = Counting(5)
    judged = judge_scorers({"drift;m=3": scorer}, cohort, (2, 5, 40, None))
    assert scorer.calls == 3  # all there are is ten: 40 and None are the same question
    rows = scorer_rows(judged, {**IDENTITY, "setting": "topic_shift=on"})
    accuracy = rows[(rows["metric"] == "accuracy") & (rows["seed"] == "all")]
    assert list(rows.columns) == RESULTS.names and set(rows["split"]) == {"unseen"}
    assert set(rows["method"]) == {"drift"} and set(rows["setting"]) == {"m=3;topic_shift=on"}
    values = {None if pd.isna(row.shots) else row.shots: row.value for row in accuracy.itertuples()}
    assert values == {2: 0.5, 5: 1.0, 40: 1.0, None: 1.0}
    assert set(accuracy["resampled"]) == {"users; users and prompts"} and set(accuracy["n_users"]) == {9}


def test_a_reward_model_has_the_figures_that_evaluation_gives_it() -> None:
    cohorts = make_cohorts(8)
    model = make_model("bt")
    theirs = {group.shots: group for group in judge({"0": model}, cohorts, (5,)) if group.split == "unseen"}
    ours = judge_scorers({"bt": scorer_of(model)}, cohorts["unseen"], (5, None))["bt"]
    for group in ours:
        one, other = per_user_table([group]), per_user_table([theirs[group.shots]])
        pd.testing.assert_frame_equal(one[other.columns], other)


def test_differences_are_user_by_user(cohort: Cohort) -> None:
    scorers = {"exact;k=1": Counting(100), "exact;k=5": Counting(5), "drift": Counting(1)}
    judged = judge_scorers(scorers, cohort, (2, 5))
    rows = scorer_differences(judged, "exact;k=1", IDENTITY)
    found = {(row.method, row.setting, row.shots): (row.value, row.ci_low) for row in rows.itertuples()}
    assert found == {
        ("exact", "against=k=1;k=5", 2): (0, 0),
        ("exact", "against=k=1;k=5", 5): (0.5, 0.5),
        ("drift", "against=k=1", 2): (0.5, 0.5),
        ("drift", "against=k=1", 5): (0.5, 0.5),
    }
    assert set(rows["metric"]) == {"accuracy_minus_exact"} and rows["low_items"].notna().all()
    assert set(scorer_differences(judged, "drift", IDENTITY)["setting"]) == {
        "against=default;k=1",
        "against=default;k=5",
    }
    assert not len(scorer_differences({"drift": judged["drift"]}, "drift", IDENTITY))


def test_margins_that_are_none_are_refused(cohort: Cohort) -> None:
    def short(known: PairBatch, pairs: PairBatch) -> Margin:
        return Margin(torch.zeros(3), torch.zeros(3))

    def broken(known: PairBatch, pairs: PairBatch) -> Margin:
        return Margin(torch.full((len(pairs),), torch.nan), torch.zeros(len(pairs)))

    with pytest.raises(InputError, match=r"shape \(3,\) for 54 pairs"):
        judge_scorers({"short": short}, cohort, (5,))
    with pytest.raises(InputError, match="54 of 54 margins that are no numbers"):
        judge_scorers({"broken": broken}, cohort, (5,))
