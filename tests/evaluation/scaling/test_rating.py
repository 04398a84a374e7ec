"""Scores of everyone's candidates at once: what the model says of each user alone, in whatever portions it is asked."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from prefactor.evaluation.scaling.rating import Candidates, rate, user_doubts
from prefactor.preferences import PairBatch, Responses
from tests.methods.test_contract import SMALL, make_model
from tests.worlds import make_pairs

USERS = tuple(f"u{number}" for number in range(7))


@pytest.fixture(scope="module")
def known() -> PairBatch:
    """Users who know different numbers of pairs, the fourth none."""
    pairs = make_pairs(len(USERS), 9)
    rank = torch.arange(9).repeat(len(USERS))
    return pairs.select((rank < 3 + pairs.segment) & (pairs.segment != 3))


@pytest.fixture(scope="module")
def pool() -> pd.DataFrame:
    """Sets of different sizes, in no order; users have none to three of them, and share some."""
    chance = torch.Generator().manual_seed(4)
    rows = [
        {"user": user, "query": f"q{query}", "candidate": str(text)}
        for number, user in enumerate(USERS)
        for query in range(number % 4)
        for text in torch.randperm(60, generator=chance)[: 2 + (number + query) % 5].tolist()
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0, ignore_index=True)


def texts_of(known: PairBatch, candidates: Candidates) -> Responses:
    return known.responses[torch.tensor([int(name) for name in candidates.text_ids])]


@pytest.mark.parametrize("method", SMALL)
def test_scores_are_the_models_own_of_each_user_and_set(method: str, known: PairBatch, pool: pd.DataFrame) -> None:
    model = make_model(method)
    candidates = Candidates.of(pool, USERS)
    found = rate(model, known, texts_of(known, candidates), candidates)
    with torch.no_grad():
        for (user, _), rows in pool.groupby(["user", "query"]).groups.items():
            number = USERS.index(str(user))
            alone = model.adapt(known.users_between(number, number + 1))
            text = torch.tensor([int(name) for name in pool.loc[rows, "candidate"]])
            own = model.against_mean(alone, known.responses[text], torch.zeros(len(rows), dtype=torch.int64))
            place = torch.tensor(rows.to_numpy())
            torch.testing.assert_close(found.mean[place], own.mean, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(found.variance[place], own.variance, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["pref", "eb_states", "vpl"])
def test_scores_do_not_depend_on_how_many_are_asked_at_once(method: str, known: PairBatch, pool: pd.DataFrame) -> None:
    model, candidates = make_model(method), Candidates.of(pool, USERS)
    texts = texts_of(known, candidates)
    whole = rate(model, known, texts, candidates)
    for rows in (1, 13):
        part = rate(model, known, texts, candidates, rows)
        torch.testing.assert_close(part.mean, whole.mean, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(part.variance, whole.variance, rtol=1e-5, atol=1e-5)


def test_a_factorised_reward_reads_every_candidate_once(known: PairBatch, pool: pd.DataFrame) -> None:
    model, candidates = make_model("pref"), Candidates.of(pool, USERS)
    texts = texts_of(known, candidates)
    asked: list[int] = []
    hook = model.get_submodule("phi").register_forward_hook(lambda *call: asked.append(len(call[1][0])))
    rate(model, replace(known, responses=known.responses), texts, candidates, rows=20)
    hook.remove()
    assert asked[0] == len(candidates.text_ids) < len(pool)
    adapting = asked[1:]
    assert len(adapting) == len([*candidates.pieces(20)])


def test_a_set_is_of_one_user_and_query() -> None:
    pool = pd.DataFrame({"user": list("abab"), "query": list("xxyx"), "candidate": list("1234")})
    found = Candidates.of(pool, ("b", "a"))
    assert found.user.tolist() == [1, 0, 1, 0] and found.turn.tolist() == [0, 0, 1, 0]
    assert [found.text_ids[row] for row in found.text] == list("1234")


def test_doubt_of_users_is_the_mean_over_training_seeds(known: PairBatch) -> None:
    first, second = make_model("vrf"), make_model("vrf")
    with torch.no_grad():
        second.basis_log_std.add_(0.5)
        for parameter in second.encoder.parameters():
            parameter.mul_(0.5)
    own = [model.uncertainties(model.adapt(known)) for model in (first, second)]
    found = user_doubts([first, second], known)
    assert found.keys() == own[0].keys() and "sigma" in found
    assert found["sigma"] == pytest.approx(((own[0]["sigma"] + own[1]["sigma"]) / 2).detach().numpy())
    assert user_doubts([make_model("bt")], known) == {}
