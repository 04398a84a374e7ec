"""Questions: the best that was not asked, whoever else asks and however it is split up; several at once."""

import pytest
import torch

from prefactor.asking import NOTHING, ask, ask_several, questions, scores
from prefactor.asking.belief import weight_belief
from prefactor.asking.criteria import CRITERIA
from prefactor.asking.evidence import by_evidence
from prefactor.asking.pool import Pool
from prefactor.errors import InputError
from prefactor.methods.base import Shape
from prefactor.methods.bt import BT, BTParameters
from prefactor.preferences import Responses
from tests.asking.worlds import answers, make_pool, make_vrf
from tests.worlds import WIDTH, make_pairs

JUDGED = [name for name, criterion in CRITERIA.items() if criterion.score is not None]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("criterion", JUDGED)
def test_scores_are_the_same_alone_and_in_parts(criterion: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, pool = make_vrf(), make_pool(33)
    users = model.adapt(make_pairs(7, 4, seed=8))
    whole = scores(criterion, model, users, pool)
    assert whole.shape == (7, 33)
    alone = torch.cat([scores(criterion, model, users.rows(torch.tensor([user])), pool) for user in range(7)])
    torch.testing.assert_close(alone, whole, atol=1e-5, rtol=1e-4)
    monkeypatch.setattr(questions, "PAIRS_AT_ONCE", 5)
    monkeypatch.setattr(questions, "CELLS_AT_ONCE", 60)
    torch.testing.assert_close(scores(criterion, model, users, pool), whole, atol=1e-5, rtol=1e-4)


def test_a_pool_that_was_read_before_asks_the_same() -> None:
    model, pool = make_vrf(), make_pool()
    users = model.adapt(make_pairs(3, 4, seed=8))
    torch.testing.assert_close(
        scores("information", model, users, pool.read(model)), scores("information", model, users, pool)
    )


@pytest.mark.parametrize("criterion", ["information", "random"])
def test_nothing_is_asked_twice_and_in_the_end_nothing_is_left(criterion: str) -> None:
    model, pool = make_vrf(), make_pool(6)
    users, asked, drawn = model.adapt(make_pairs(3, 4, seed=8)), torch.zeros(3, 6, dtype=torch.bool), generator()
    asked[0, :4] = True
    for left in range(6, 0, -1):
        rows = ask(model, users, pool, asked, criterion, drawn)
        assert (rows[1:] != NOTHING).all() and (rows[0] != NOTHING) == (left > 4)
        known = rows != NOTHING
        assert not asked[known, rows[known]].any()
        asked[known, rows[known]] = True
    assert ask(model, users, pool, asked, criterion, drawn).tolist() == [NOTHING] * 3


def test_asked_is_the_pair_of_the_greatest_score() -> None:
    model, pool = make_vrf(), make_pool()
    users, asked = model.adapt(make_pairs(5, 4, seed=8)), torch.rand(5, 30, generator=generator()) < 0.5
    for criterion in JUDGED:
        found = scores(criterion, model, users, pool).masked_fill(asked, -torch.inf)
        assert torch.equal(ask(model, users, pool, asked, criterion), found.argmax(1))


def test_at_random_a_generator_says_what() -> None:
    model, pool = make_vrf(), make_pool(500)
    users, asked = model.prior_state(4), torch.zeros(4, 500, dtype=torch.bool)
    rows = ask(model, users, pool, asked, "random", generator())
    assert torch.equal(rows, ask(model, users, pool, asked, "random", generator()))
    assert len(set(rows.tolist())) > 1
    with pytest.raises(ValueError, match="generator"):
        ask(model, users, pool, asked, "random")


@pytest.mark.parametrize("bases", [1, 3])
def test_a_belief_goes_on_from_an_answer_as_the_model_does(bases: int) -> None:
    model, pool = by_evidence(make_vrf(loadings={"bases": bases, "iterations": 2}), 1.0), make_pool()
    users = model.adapt(make_pairs(3, 2, seed=8))
    row = ask(model, users, pool, torch.zeros(3, 30, dtype=torch.bool))
    chance, after = weight_belief(model, users).after(questions._differences(model, pool)[row])
    torch.testing.assert_close(chance.sum(1), torch.ones(3))
    for number, side in enumerate((True, False)):
        told = weight_belief(model, model.update(users, answers(pool, row, torch.full((3,), side))))
        for name in ("share", "mean", "covariance"):
            found = getattr(after, name)[number::2]
            torch.testing.assert_close(found, getattr(told, name), atol=1e-5, rtol=1e-3, msg=lambda m, n=name: n + m)


@pytest.mark.parametrize("criterion", ["information", "pref"])
def test_of_several_the_first_is_the_best_and_none_is_a_duplicate_of_another(criterion: str) -> None:
    model, pool = by_evidence(make_vrf(), 1.0), make_pool(20)
    wide = Responses({"states": 5 * pool.responses.views["states"]}, pool.responses.text)
    thrice = Pool(pool.first.repeat(3), pool.second.repeat(3), wide)
    users, asked = model.prior_state(2), torch.zeros(2, 60, dtype=torch.bool)
    rows = ask_several(model, users, thrice, asked, 3, criterion)
    assert torch.equal(rows[:, 0], ask(model, users, thrice, asked, criterion))
    assert all(len(set(row.tolist())) == 3 for row in rows % 20)
    assert not asked.any()  # it is the caller's


def test_a_second_question_is_the_best_on_average_over_the_answers_to_the_first() -> None:
    model, pool = by_evidence(make_vrf(), 1.0), make_pool(12)
    users, asked = model.adapt(make_pairs(4, 2, seed=8)), torch.zeros(4, 12, dtype=torch.bool)
    first, second = ask_several(model, users, pool, asked, 2).T
    chance, _ = weight_belief(model, users).after(questions._differences(model, pool)[first])
    told = (model.update(users, answers(pool, first, torch.full((4,), side))) for side in (True, False))
    after = [scores("information", model, state, pool) for state in told]
    expected = chance[:, :1] * after[0] + chance[:, 1:] * after[1]
    expected[torch.arange(4), first] = -torch.inf
    assert torch.equal(second, expected.argmax(1))


def test_of_many_futures_the_likeliest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    model, pool = by_evidence(make_vrf(), 1.0), make_pool(12)
    users, asked = model.adapt(make_pairs(4, 2, seed=8)), torch.zeros(4, 12, dtype=torch.bool)
    several = ask_several(model, users, pool, asked, 4)
    monkeypatch.setattr(questions, "FUTURES", 3)
    fewer = ask_several(model, users, pool, asked, 4)
    assert torch.equal(fewer[:, :2], several[:, :2])  # as long as no future is left out
    alone = torch.cat([ask_several(model, users.rows(torch.tensor([one])), pool, asked[:1], 4) for one in range(4)])
    assert torch.equal(alone, fewer)


@pytest.mark.parametrize("criterion", ["information", "random"])
def test_of_several_there_are_only_so_many(criterion: str) -> None:
    model, pool = make_vrf(), make_pool(3)
    users, asked = model.prior_state(2), torch.tensor([[False] * 3, [True, True, False]])
    rows = ask_several(model, users, pool, asked, 5, criterion, generator())
    assert sorted(rows[0].tolist()) == [NOTHING, NOTHING, 0, 1, 2]
    assert rows[1].tolist() == [2, *[NOTHING] * 4]


def test_what_cannot_be_asked_is_refused() -> None:
    model, pool = make_vrf(), make_pool()
    users, asked = model.prior_state(1), torch.zeros(1, 30, dtype=torch.bool)
    with pytest.raises(InputError, match=r"unknown criterion 'informatoin'.*information"):
        ask(model, users, pool, asked, "informatoin")
    with pytest.raises(ValueError, match="with_responses"):
        ask(model, users, Pool(pool.first, pool.second), asked)
    bt = BT(BTParameters(), Shape(WIDTH, 1), torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match="bt keeps no doubt"):
        ask(bt, bt.adapt(make_pairs(1, 1)), pool, asked)
