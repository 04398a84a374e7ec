"""An answer is what its method writes for the user, and what is said about it holds."""

from dataclasses import replace

import numpy as np
import pytest

from prefactor.decoding.personal_answer import PersonalAnswer, personal_answer
from prefactor.decoding.question import Question
from prefactor.decoding.workshop import Workshop
from prefactor.decoding.writers import Requests
from prefactor.errors import InputError
from tests.decoding.projects import PAIRS, opened, tiny_project, user_of

PROMPT = "How do I bake bread?"
METHODS = ["base", "history", "drift", "exact", "exact_global", "dpo", "best_of_n-vrf", "args-vrf"]


@pytest.fixture(scope="module")
def workshop() -> Workshop:
    return opened(tiny_project(), user_of(tiny_project()))


@pytest.fixture(scope="module")
def stranger() -> Workshop:
    return opened(tiny_project(), "nobody")


def ask(workshop: Workshop, method: str, **changes: object) -> PersonalAnswer:
    return personal_answer(workshop, Question(PROMPT, method, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_the_text_is_that_of_the_methods_writer(workshop, method):
    found = ask(workshop, method)
    requests = Requests.once(np.zeros(1, dtype=np.int64), [PROMPT], 0)
    plain = workshop.writer("base")(requests)[0].written
    assert found.base == plain and found.pairs == PAIRS and found.role == "unseen"
    if not method.startswith("best_of_n"):
        assert found.written == workshop.writer(method)(requests)[0].written
    assert found.verdict.model == "vrf" and not found.unjudged
    assert (found.verdict.mean == pytest.approx(0, abs=1e-6)) == (found.written.text == plain.text)


def test_draws_are_by_the_seed_alone(workshop):
    texts = [ask(workshop, "base", seed=seed).written.text for seed in (None, 0, 1, 2)]
    assert texts[0] == texts[1] and len(set(texts)) > 2


@pytest.mark.parametrize("reward", ["vrf", "bt", "lore"])
def test_best_of_n_takes_the_greatest_reward(workshop, reward):
    found = ask(workshop, f"best_of_n-{reward}", samples=6)
    rewards = [one.reward for one in found.candidates]
    assert len(rewards) + found.empty == 6 and sum(rewards) == pytest.approx(0, abs=1e-4)
    (best,) = [one for one in found.candidates if one.chosen]
    assert best.reward == max(rewards) and best.text == found.written.text
    assert found.base == ask(workshop, "base").written
    fewer = ask(workshop, f"best_of_n-{reward}", samples=3)
    assert [one.text for one in fewer.candidates] == [one.text for one in found.candidates][: len(fewer.candidates)]
    assert len(ask(workshop, f"best_of_n-{reward}").candidates) <= 3, "as many as the parameters say"


def test_exact_with_best_of_n_chooses_among_exacts_texts(workshop):
    found = ask(workshop, "exact+best_of_n-vrf", samples=4)
    assert ask(workshop, "exact").written.text in [one.text for one in found.candidates]
    assert found.about["attributes"] == ask(workshop, "exact").about["attributes"]


def test_empty_candidates_are_left_out(workshop, monkeypatch):
    usual = workshop.speaker.end_ids
    monkeypatch.setattr(workshop.speaker, "end_ids", sorted({*usual, *range(0, 300, 2)}))
    found = ask(workshop, "best_of_n-vrf", samples=12)
    assert found.empty > 0 and len(found.candidates) + found.empty == 12
    assert found.written.text.strip() and all(one.text.strip() for one in found.candidates)


def test_attributes_that_a_user_sets_take_the_place_of_inferred_ones(workshop, stranger):
    drift = ask(workshop, "drift", weights="technical=3,formal=-4")
    assert drift.about["attributes"] == {"formal": -0.8, "technical": 0.6}
    assert drift.written == ask(stranger, "drift", weights="technical=3,formal=-4").written, "whoever asks"
    exact = ask(workshop, "exact", weights="technical=3,direct=5,concise=1,formal=-4")
    assert exact.about["attributes"] == ["direct", "technical"], "the k largest, in the library's order"
    both = ask(workshop, "exact+best_of_n-vrf", weights="technical=1")
    assert both.about["attributes"] == ["technical"]


def test_bases_that_a_user_sets_choose_and_judge(workshop):
    found = ask(workshop, "best_of_n-vrf", weights="basis:1=1", samples=4)
    assert found.wished and [(base.number, base.share, base.name) for base in found.verdict.bases] == [
        (1, 1.0, "concise")
    ]
    assert found.verdict.std == 0 and all(one.std == 0 for one in found.candidates)
    inferred = ask(workshop, "best_of_n-vrf", samples=4)
    assert not inferred.wished and inferred.verdict.std > 0
    other = ask(workshop, "best_of_n-vrf", weights="basis:1=1", samples=4, reward="lore")
    assert not other.wished and other.verdict.model == "lore" and other.written == found.written
    assert ask(workshop, "args-lore", weights="basis:1=1", reward="lore").wished
    with pytest.raises(InputError, match="bt has no bases to weigh"):
        ask(workshop, "best_of_n-bt", weights="basis:1=1")


@pytest.mark.parametrize("method", ["history", "drift", "exact", "exact_global", "dpo"])
def test_of_a_stranger_the_base_model_writes(stranger, method):
    found = ask(stranger, method)
    assert found.written == found.base and found.pairs == 0
    assert found.verdict.mean == pytest.approx(0, abs=1e-6)


def test_for_a_stranger_the_prior_chooses(stranger):
    for method in ("best_of_n-vrf", "args-vrf", "exact+best_of_n-vrf", "best_of_n-lore"):
        found = ask(stranger, method)
        assert found.pairs == 0 and found.verdict is not None


def test_without_a_trained_reward_there_is_a_reason_unless_it_was_asked_for(workshop):
    values = {**workshop.values, "run": {**workshop.values["run"], "backbones": ["minilm"]}}
    untrained = Workshop(values, workshop.dataset, workshop.name, workshop.root, "nobody")
    found = ask(untrained, "base")
    assert found.verdict is None and "has no trained model: add 'vrf' to run.methods" in found.unjudged
    with pytest.raises(InputError, match="has no trained model: add 'vrf'"):
        ask(untrained, "base", reward="vrf")


def test_nothing_depends_on_what_was_asked_before(workshop):
    question = Question(PROMPT, "exact+best_of_n-vrf", samples=2)
    first = personal_answer(workshop, question)
    personal_answer(workshop, replace(question, method="dpo", samples=None))
    assert personal_answer(workshop, question) == first
