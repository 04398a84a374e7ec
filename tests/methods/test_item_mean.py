"""Item mean: counted by hand, Bradley-Terry strengths against autograd, silence on unknown texts."""

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from prefactor.methods.base import Shape
from prefactor.methods.item_mean import ItemMean, ItemMeanParameters
from prefactor.preferences import PairBatch, Responses
from tests.worlds import make_pairs

TEXTS = 90


def world() -> PairBatch:
    """Sixty of ninety texts, their numbers far from their rows."""
    pairs = make_pairs(8, 20, seen=True)
    text = torch.randperm(TEXTS, generator=torch.Generator().manual_seed(0))[: len(pairs.responses)]
    return replace(pairs, responses=Responses(pairs.responses.views, text))


def fitted(form: str, prior: float, iterations: int = 200) -> ItemMean:
    model = ItemMean(ItemMeanParameters(form, prior, iterations), Shape(0, 8, TEXTS), torch.Generator())
    model.fit(world())
    return model


def test_wins_and_losses_counted_by_hand() -> None:
    model, pairs = fitted("wins", 0.5), world()
    text = pairs.responses.text.tolist()
    won, lost = (Counter(text[row] for row in side.tolist()) for side in (pairs.chosen, pairs.rejected))
    for number in range(TEXTS):
        share = (won[number] + 0.5) / (won[number] + lost[number] + 1)
        assert model.scores[number].item() == pytest.approx(math.log(share / (1 - share)), abs=1e-5)


def test_strengths_are_the_mode_of_the_bradley_terry_likelihood() -> None:
    """With a win and a loss, times the prior, against an opponent of strength 0: autograd finds no slope there."""
    pairs = world()
    scores = fitted("bradley-terry", 0.5, 5_000).scores.detach().double().requires_grad_()
    winner, loser = pairs.responses.text[pairs.chosen], pairs.responses.text[pairs.rejected]
    games = 0.5 * (F.logsigmoid(scores) + F.logsigmoid(-scores)).sum()
    (F.logsigmoid(scores[winner] - scores[loser]).sum() + games).backward()
    assert scores.grad.abs().max() < 1e-4
    few, many = (fitted("bradley-terry", 1.0, iterations).scores for iterations in (200, 5_000))
    torch.testing.assert_close(few, many, atol=0.01, rtol=0)


@pytest.mark.parametrize("form", ["wins", "bradley-terry"])
def test_it_knows_nothing_of_new_texts_and_nothing_of_users(form: str) -> None:
    model, pairs = fitted(form, 1.0), world()
    known = set(pairs.responses.text[torch.cat([pairs.chosen, pairs.rejected])].tolist())
    new = torch.tensor([number for number in range(TEXTS) if number not in known])
    assert len(new) >= 30 and (model.scores[new] == 0).all()
    users = model.adapt(pairs)
    rewards = model.reward(users, pairs.responses, torch.zeros(len(pairs.responses), dtype=torch.long))
    assert torch.equal(rewards, model.reward(users, pairs.responses, torch.arange(len(pairs.responses)) % 8))


@pytest.mark.parametrize("form", ["wins", "bradley-terry"])
def test_a_larger_prior_draws_towards_nothing(form: str) -> None:
    spreads = [float(fitted(form, prior).scores.detach().std()) for prior in (0.1, 1.0, 100.0)]
    assert spreads[0] > spreads[1] > spreads[2]
    assert spreads[2] < 0.1


def test_no_prior_is_refused() -> None:
    with pytest.raises(ValueError, match="prior must be positive, got 0"):
        ItemMeanParameters(prior=0.0)
