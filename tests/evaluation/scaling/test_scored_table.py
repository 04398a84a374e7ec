"""Candidates that models score one after the other: what columns they leave, and texts that they cannot read."""

import numpy as np
import pandas as pd
import pytest
import torch

from prefactor.errors import InputError
from prefactor.evaluation.scaling.pool import read_pool
from prefactor.evaluation.scaling.rating import Rating, rate
from prefactor.evaluation.scaling.rules.search import COLUMNS
from prefactor.evaluation.scaling.scored_table import ScoredTable, compared_by_rules
from prefactor.methods.base import Margin
from tests.methods.test_contract import make_model
from tests.worlds import make_cohort

TEXTS = [f"t{number}" for number in range(60)]  # of a world's pairs


@pytest.fixture
def small() -> ScoredTable:
    """One user of two is asked to choose, between a text of a pair and one of none."""
    pool = pd.DataFrame({"user": "unseen-1", "query": "p", "candidate": ["t1", "new"], "gold": [0.0, 1.0]})
    return ScoredTable.of(make_cohort("unseen", 2, 0), pool, TEXTS)


def make_table(role: str, seed: int) -> ScoredTable:
    """Six users, four queries of five candidates each."""
    users = make_cohort(role, 6, seed)
    chance = np.random.default_rng(seed)
    sets = [(user, f"{role}{query}") for user in users.user_ids for query in range(4)]
    rows = [(*one, TEXTS[text], chance.normal()) for one in sets for text in chance.permutation(60)[:5]]
    return ScoredTable.of(users, pd.DataFrame(rows, columns=["user", "query", "candidate", "gold"]), TEXTS)


def score(table: ScoredTable, name: str) -> None:
    models = {seed: make_model(name, seed) for seed in (0, 1)}
    table.score(name, models, table.users, table.users.pairs.responses[table.rows])


def test_who_reads_texts_numbers_alone_is_asked_only_where_all_have_one(small: ScoredTable) -> None:
    with pytest.raises(InputError, match="1 of 2 candidates are in no pair"):
        small.texts({})
    small.rows[1] = 1
    assert small.texts({}).text.tolist() == [1, 1]


def test_texts_are_read_by_name_in_the_candidates_order(small: ScoredTable) -> None:
    class Lengths:
        def gather(self, text_ids: tuple[str, ...]) -> np.ndarray:
            return np.array([[len(text)] for text in text_ids], np.float32)

    found = small.texts({"states": Lengths()})
    assert found.views["states"].tolist() == [[2], [3]] and found.text.tolist() == [1, -1]


def test_deviations_are_kept_of_models_that_have_any(small: ScoredTable) -> None:
    mean, sure, unsure = torch.tensor([-1.0, 1.0]), torch.zeros(2), torch.tensor([0.0, 4.0])
    small.fill("bt", {seed: Rating(Margin(mean, sure), {}) for seed in (0, 1)})
    small.fill("vrf", {0: Rating(Margin(mean, sure), {}), 1: Rating(Margin(-mean, unsure), {})})
    assert [*small.whole.columns[4:]] == [
        "user:known_pairs",
        "bt#0",
        "bt#1",
        "vrf#0",
        "std:vrf#0",
        "vrf#1",
        "std:vrf#1",
    ]
    assert small.whole["std:vrf#1"].tolist() == [0, 2] and small.whole["vrf#1"].tolist() == [1, -1]


def test_doubt_of_users_is_the_mean_over_training_seeds(small: ScoredTable) -> None:
    margin, nobody = Margin(torch.zeros(2), torch.zeros(2)), torch.nan
    doubts = [{"sigma": torch.tensor([nobody, value])} for value in (1.0, 4.0)]
    small.fill("vrf", {seed: Rating(margin, doubt) for seed, doubt in enumerate(doubts)})
    assert small.whole["user:vrf:sigma"].tolist() == [2.5, 2.5]


def test_scores_are_by_the_pairs_that_are_known() -> None:
    every = make_table("unseen", 1)
    few = every.told(2)
    for table, known in ((every, 10), (few, 2)):
        score(table, "pref")
        assert (table.whole["user:known_pairs"] == known).all()
        texts = table.users.pairs.responses[table.rows]
        own = rate(make_model("pref", 1), table.users.known(table.shots), texts, table.candidates)
        assert table.whole["pref#1"].tolist() == own.margin.mean.tolist()
    assert (every.whole["pref#1"] != few.whole["pref#1"]).any()
    assert read_pool(every.whole).models == ("pref",)


def test_rules_are_compared_where_there_is_something_to_choose_by() -> None:
    validation, unseen = make_table("validation", 1), make_table("unseen", 2)
    for name in ("vrf", "bt"):
        for table in (validation, unseen):
            score(table, name)
    found = compared_by_rules(validation, unseen, ["vrf"], "bt")
    assert set(found["model"]) == {"vrf"} and found["n_users"].max() == 6
    empty = ScoredTable.of(validation.users, validation.pool[:0], TEXTS)
    score(empty, "vrf")
    for nothing in (compared_by_rules(empty, unseen, ["vrf"], "bt"), compared_by_rules(validation, unseen, [], "bt")):
        assert not len(nothing) and [*nothing.columns] == [*COLUMNS]
