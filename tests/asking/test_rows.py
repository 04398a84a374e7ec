"""Rows of interviews: accuracy by questions for every way of asking, differences user by user."""

import numpy as np
import pandas as pd
import pytest

from prefactor.asking.answers import Answers
from prefactor.asking.evidence import by_evidence
from prefactor.asking.interview import Interview
from prefactor.asking.rows import Held, interview_rows
from prefactor.asking.trial import Trial, unasked
from prefactor.evaluation.accuracy import predict
from prefactor.evaluation.results import RESULTS
from prefactor.seeds import generator
from tests.asking.worlds import make_vrf
from tests.worlds import make_cohort

USERS, QUESTIONS = 12, (0, 2, 4)
IDENTITY = {"dataset": "d", "protocol": "global", "backbone": "b", "method": "vrf", "variant": "default", "run": "r"}


@pytest.fixture(scope="module")
def held() -> list[Held]:
    cohort = make_cohort("unseen", USERS, seed=4)
    cohort = type(cohort)(**{**vars(cohort), "group": cohort.pairs.chosen})
    drawn, responses = np.random.default_rng(0), cohort.pairs.responses
    worth, pairs = drawn.normal(size=(USERS, len(responses))), drawn.permutation(len(responses)).reshape(-1, 2)
    answers = Answers.of([*map(str, range(len(responses)))], pairs, worth, np.zeros(USERS), 0)
    models = {"0": by_evidence(make_vrf()), "1": by_evidence(make_vrf(latent=4))}
    found = []
    for asked in ("information", "random", "given"):
        trial = Trial(cohort, "prompts")
        for seed, model in models.items():
            states = (
                unasked(model, cohort, QUESTIONS)
                if asked == "given"
                else Interview(asked).hold(model, responses, answers, 4, generator(0, seed))
            )
            trial.judge(seed, model, states, QUESTIONS)
        found.append(Held(IDENTITY, {"asked": asked, "shares": "evidence", "together": "1"}, trial.judged()))
    return found


def test_every_way_of_asking_has_its_figures_after_each_number_of_questions(held: list[Held]) -> None:
    rows = interview_rows(held, {"random": {"asked": "random"}, "none": {"shares": "trained"}})
    assert [*rows.columns] == RESULTS.names
    accuracy = rows[(rows["metric"] == "accuracy") & (rows["seed"] == "all")]
    assert accuracy.groupby("setting")["shots"].apply(list).map(set).tolist() == [set(QUESTIONS)] * 3
    assert {"weight_entropy", "weight_spread", "sigma", "log_loss", "ece"} <= {*rows["metric"]}
    assert rows["low_items"].notna().any()
    assert not rows["metric"].str.contains("minus_none").any()


def test_pairs_that_users_came_with_are_the_few_shot_curves(held: list[Held]) -> None:
    model, cohort = by_evidence(make_vrf()), make_cohort("unseen", USERS, seed=4)
    for judged in held[-1].judged:
        expected = predict(model, cohort, "evaluation", judged.shots).accuracy
        np.testing.assert_allclose(judged.figures["0"].accuracy, expected)


def test_differences_are_those_of_the_same_users(held: list[Held]) -> None:
    rows = interview_rows(held, {"random": {"asked": "random"}})

    def means(metric: str, asked: str) -> pd.Series:
        mine = rows[(rows["metric"] == metric) & (rows["seed"] == "all") & rows["setting"].str.contains(asked)]
        return mine.set_index("shots")["value"]

    expected = means("accuracy", "=information") - means("accuracy", "=random")
    found = means("accuracy_minus_random", "=information")
    np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(), atol=1e-12)
    assert found[0] == 0
