"""Interviews: margins that are moved on are those judged anew, what is known follows from the answers alone."""

import numpy as np
import pytest
import torch

from prefactor.asking.answers import Answers
from prefactor.asking.belief import weight_belief
from prefactor.asking.criteria import CRITERIA
from prefactor.asking.evidence import by_evidence
from prefactor.asking.interview import Interview
from prefactor.asking.pool import Pool
from prefactor.asking.questions import ask, ask_several
from prefactor.asking.tracked import Tracked
from prefactor.errors import InputError
from prefactor.methods.base import RewardModel
from prefactor.methods.vrf import VRF
from tests.asking.worlds import answers as answered
from tests.asking.worlds import make_pool, make_pref, make_vrf

USERS, PAIRS = 5, 24


def make_answers(pool: Pool, seed: int = 0) -> Answers:
    """By worth drawn at random; one user knows only half of the answers."""
    worth = np.random.default_rng(seed).normal(size=(USERS, len(pool.responses)))
    pairs = torch.stack([pool.first, pool.second], 1).numpy()
    found = Answers.of([str(row) for row in range(worth.shape[1])], pairs, worth, np.zeros(USERS), seed)
    found.known[0, : PAIRS // 2] = False
    return found


def hold(model: RewardModel, way: Interview, questions: int = 6, seed: int = 0):
    pool = make_pool(PAIRS)
    generator = torch.Generator().manual_seed(seed)
    return list(way.hold(model, pool.responses, make_answers(pool), questions, generator))


@pytest.mark.parametrize(
    "make", [lambda: by_evidence(make_vrf()), make_vrf, lambda: make_vrf(loadings=None, common=False)]
)
@torch.no_grad()
def test_tracked_margins_are_those_that_are_judged_anew(make) -> None:
    model, pool = make(), make_pool(PAIRS)
    users, asked = model.prior_state(USERS), ~make_answers(pool).known
    tracked, random = Tracked.of(model, users, pool), torch.Generator().manual_seed(0)
    for _ in range(8):
        row = tracked.best(CRITERIA["pref"], asked)
        side = torch.rand(USERS, generator=random) < 0.5
        asked[torch.arange(USERS), row] = True
        users = model.update(users, answered(pool, row, side))
        tracked = tracked.told(model, users, row)
        anew = weight_belief(model, users).margins(tracked.difference)
        torch.testing.assert_close(tracked.mean, anew.mean, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(tracked.variance, anew.variance, atol=1e-4, rtol=1e-3)
        for name in ("information", "weight_information"):
            best = CRITERIA[name].score(anew).masked_fill(asked, -torch.inf).amax(1)
            chosen = tracked.best(CRITERIA[name], asked)
            torch.testing.assert_close(CRITERIA[name].score(anew)[torch.arange(USERS), chosen], best, atol=1e-4, rtol=0)


@pytest.mark.parametrize("criterion", ["information", "pref", "random"])
@pytest.mark.parametrize("make", [lambda: by_evidence(make_vrf()), make_pref])
def test_what_is_known_is_what_all_answers_tell(make, criterion: str) -> None:
    """As if the answers had come at once; questions are asked as ``ask`` chooses them."""
    model, pool = make(), make_pool(PAIRS)
    answers, asked = make_answers(pool), ~make_answers(pool).known
    states, random = hold(model, Interview(criterion)), torch.Generator().manual_seed(0)
    assert [number for number, _ in states] == [0, 1, 2, 3, 4, 5, 6]
    told = []
    for number, state in states[:-1]:
        row = ask(model, state, pool, asked, criterion, random)
        assert not asked[torch.arange(USERS), row].any()
        asked[torch.arange(USERS), row] = True
        told.append(answered(pool, row, answers.prefers_first[torch.arange(USERS), row]))
        after = model.update(state, told[-1]) if isinstance(model, VRF) else None
        if after is not None:
            torch.testing.assert_close(after.tensors, states[number + 1][1].tensors, atol=1e-4, rtol=1e-3)
    whole = model.adapt(
        type(told[0])(
            pool.responses,
            *(torch.cat([getattr(one, name) for one in told]) for name in ("chosen", "rejected", "segment")),
            told[0].users,
        )
    )
    torch.testing.assert_close(whole["weight"], states[-1][1]["weight"], atol=1e-4, rtol=1e-3)


def test_several_questions_are_asked_before_anything_is_learnt() -> None:
    model, pool = by_evidence(make_vrf()), make_pool(PAIRS)
    states = hold(model, Interview("information", together=3))
    assert [number for number, _ in states] == [0, 3, 6]
    assert states[-1][1]["count"].tolist() == [6.0] * USERS
    asked = ask_several(model, model.prior_state(USERS), pool, ~make_answers(pool).known, 3)
    assert asked[0].min() >= PAIRS // 2  # nobody is asked what is not known of them


def test_who_has_been_asked_everything_is_left_as_they_are() -> None:
    for way in (Interview("information"), Interview("random"), Interview("pref", 5)):
        states = hold(by_evidence(make_vrf()), way, 15)
        assert states[-1][1]["count"].tolist() == [PAIRS / 2, *[15.0] * (USERS - 1)]


def test_shares_by_evidence_are_bayes_rule_and_leave_the_model_as_it_was() -> None:
    model = make_vrf()
    told = by_evidence(model, 1.0)
    assert model.loadings.power.tolist() == [1.0, 0.0]
    users = told.adapt(answered(make_pool(PAIRS), torch.arange(USERS), torch.ones(USERS, dtype=torch.bool)))
    expected = (model.loadings.log_share + users["evidence"]).softmax(-1)
    torch.testing.assert_close(users["weight"], expected)
    with pytest.raises(InputError, match="as published"):
        by_evidence(make_vrf(loadings=None, common=False))
