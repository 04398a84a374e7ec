"""Logistic regression on attribute rewards: at the mode, tied to the closed form, 0 where nobody chose."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from prefactor.decoding.drift.regression import INTERCEPT_PRECISION, logistic_weights
from prefactor.decoding.drift.rewards import PairRewards
from prefactor.decoding.drift.weights import Direction, unit
from tests.decoding.drift.test_weights import draw, take

FORMS = pytest.mark.parametrize("absolute", [False, True])


@FORMS
def test_a_user_does_not_depend_on_the_others_or_on_how_many_are_fitted_at_once(
    absolute: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = draw(7, 0)
    together = logistic_weights(pairs, 1.0, absolute)
    for user in range(7):
        mine = take(pairs, pairs.segment == user)
        alone = logistic_weights(replace(mine, segment=torch.zeros_like(mine.segment), users=1), 1.0, absolute)
        torch.testing.assert_close(alone[0], together[user])
    monkeypatch.setattr("prefactor.decoding.drift.regression.USERS_PER_CHUNK", 3)
    torch.testing.assert_close(logistic_weights(pairs, 1.0, absolute), together)


@FORMS
@pytest.mark.parametrize("shrinkage", [0.01, 1.0])
def test_the_loss_is_flat_at_the_weights_also_of_rewards_in_hundreds(absolute: bool, shrinkage: float) -> None:
    pairs = draw(5, 1, most=12)
    pairs = replace(pairs, chosen=20 * pairs.chosen, rejected=20 * pairs.rejected)
    at = logistic_weights(pairs, shrinkage, absolute).requires_grad_()
    margin = (pairs.difference * at[pairs.segment]).sum(-1)
    loss = -F.logsigmoid(margin).sum() + 0.5 * shrinkage * at.square().sum()
    if absolute:
        loss = absolute_loss(at, pairs, shrinkage)
    (slope,) = torch.autograd.grad(loss, at)
    assert slope.abs().max() < 1e-5


def absolute_loss(at: torch.Tensor, pairs: PairRewards, shrinkage: float) -> torch.Tensor:
    """Cross-entropy of labels 1 and 0 at the best intercept of each user, found by bisection of its slope."""
    margins = [(side * at[pairs.segment]).sum(-1) for side in (pairs.chosen, pairs.rejected)]
    low, high = torch.full((2, pairs.users), 1e5, dtype=torch.float64) * torch.tensor([[-1], [1]])
    for _ in range(100):
        middle = (low + high) / 2
        pull = 1 - sum(torch.sigmoid(margin.detach() + middle[pairs.segment]) for margin in margins)  # (N,)
        slope = torch.zeros_like(middle).index_add_(0, pairs.segment, pull) - shrinkage * INTERCEPT_PRECISION * middle
        low, high = torch.where(slope > 0, middle, low), torch.where(slope > 0, high, middle)
    chosen, rejected = (margin + low[pairs.segment] for margin in margins)
    return -(F.logsigmoid(chosen) + F.logsigmoid(-rejected)).sum() + 0.5 * shrinkage * at.square().sum()


@FORMS
def test_much_shrinkage_gives_the_closed_forms_direction(absolute: bool) -> None:
    pairs = draw(6, 2)
    torch.testing.assert_close(
        unit(logistic_weights(pairs, 1e8, absolute)), Direction.of(pairs).weights(), atol=1e-4, rtol=0
    )


@FORMS
def test_nobody_and_nothing(absolute: bool) -> None:
    pairs = take(draw(3, 3), torch.zeros(0, dtype=torch.long))
    assert logistic_weights(pairs, 1.0, absolute).tolist() == [[0.0] * 5] * 3
    assert logistic_weights(replace(pairs, users=0), 1.0, absolute).shape == (0, 5)


def test_what_prompts_add_to_both_responses_misleads_labels_but_not_differences() -> None:
    pairs = draw(4, 4)
    common = 50 * torch.randn(pairs.chosen.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
    moved = replace(pairs, chosen=pairs.chosen + common, rejected=pairs.rejected + common)
    torch.testing.assert_close(logistic_weights(moved, 1.0), logistic_weights(pairs, 1.0))
    assert (logistic_weights(moved, 1.0, True) - logistic_weights(pairs, 1.0, True)).abs().max() > 0.01
