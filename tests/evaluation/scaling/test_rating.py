"""Scores of everyone's candidates at once: what the model says of each user alone, in whatever portions it is asked."""

import pandas as pd
import pytest
import torch

from prefactor.evaluation.scaling.rating import Candidates, rate
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
    return known.responses[torch.tensor([int(name) for name in candidates.text_ids], dtype=torch.int64)]


@pytest.mark.parametrize("method", SMALL)
def test_scores_are_the_models_own_of_each_user_and_set(method: str, known: PairBatch, pool: pd.DataFrame) -> None:
    model = make_model(method)
    candidates = Candidates.of(pool, USERS)
    found = rate(model, known, texts_of(known, candidates), candidates).margin
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
    whole = rate(model, known, texts, candidates).margin
    for rows in (1, 13):
        part = rate(model, known, texts, candidates, rows).margin
        torch.testing.assert_close(part.mean, whole.mean, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(part.variance, whole.variance, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("network", ["pref:phi", "prob:phi", "prob:noise", "det:phi", "vrf:phi"])
def test_a_factorised_reward_reads_every_candidate_once(network: str, known: PairBatch, pool: pd.DataFrame) -> None:
    """Beside them it reads what is known of users, once of each block of them: nobody is adapted to twice."""
    method, part = network.split(":")
    model, candidates = make_model(method), Candidates.of(pool, USERS)
    texts = texts_of(known, candidates)
    asked: list[int] = []
    hook = model.get_submodule(part).register_forward_hook(lambda *call: asked.append(len(call[1][0])))
    blocks = [known.users_between(first, last) for first, last, _ in candidates.pieces(20)]
    for block in blocks:
        model.adapt(block)
    adapting, asked[:] = asked[:], []
    rate(model, known, texts, candidates, rows=20)
    hook.remove()
    assert len(blocks) > 1 and asked == [len(candidates.text_ids), *adapting]


def test_a_set_is_of_one_user_and_query() -> None:
    pool = pd.DataFrame({"user": list("abab"), "query": list("xxyx"), "candidate": list("1234")})
    found = Candidates.of(pool, ("b", "a"))
    assert found.user.tolist() == [1, 0, 1, 0] and found.turn.tolist() == [0, 0, 1, 0]
    assert [found.text_ids[row] for row in found.text] == list("1234")


def test_doubts_are_the_models_own_of_each_user_who_has_candidates(known: PairBatch, pool: pd.DataFrame) -> None:
    model, candidates = make_model("vrf"), Candidates.of(pool, USERS)
    own = model.uncertainties(model.adapt(known))
    assert "sigma" in own
    here = torch.zeros(len(USERS), dtype=torch.bool)
    here[candidates.user] = True
    for rows in (1, 10_000):
        found = rate(model, known, texts_of(known, candidates), candidates, rows).doubts
        assert found.keys() == own.keys()
        for name, doubt in found.items():
            torch.testing.assert_close(doubt[here], own[name][here].detach())
    assert rate(make_model("bt"), known, texts_of(known, candidates), candidates).doubts == {}


def test_no_candidates_have_no_scores(known: PairBatch, pool: pd.DataFrame) -> None:
    candidates = Candidates.of(pool[:0], USERS)
    found = rate(make_model("vrf"), known, texts_of(known, candidates), candidates)
    assert not len(found.margin.mean) and found.doubts == {}
