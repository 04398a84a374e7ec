"""LR: each user's optimum found by autograd, the Laplace variance in whole matrices, indifference without pairs."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from prefactor.methods.base import Shape
from prefactor.methods.lr import LR, LRParameters
from tests.worlds import WIDTH, make_pairs

RIDGE = 3.0


def make_lr(ridge: float = RIDGE) -> LR:
    model = LR(LRParameters(ridge), Shape(WIDTH, 6), torch.Generator())
    model.standardise(make_pairs(1, 1).responses)
    return model.eval()


def test_each_user_stands_at_the_optimum_that_autograd_finds() -> None:
    model, pairs = make_lr(), make_pairs(4, 7)
    states = pairs.responses.views["states"].double()
    states = (states - states.mean(0)) / states.std(0)
    users = model.adapt(pairs)
    for user in range(4):
        mine = pairs.segment == user
        difference = states[pairs.chosen[mine]] - states[pairs.rejected[mine]]
        weight = torch.zeros(WIDTH, dtype=torch.float64, requires_grad=True)
        optimiser = torch.optim.LBFGS([weight], max_iter=60, tolerance_grad=1e-12, tolerance_change=0)

        def loss(weight=weight, difference=difference, optimiser=optimiser) -> torch.Tensor:
            optimiser.zero_grad()
            value = -F.logsigmoid(difference @ weight).sum() + RIDGE / 2 * weight.square().sum()
            value.backward()
            return value

        optimiser.step(loss)
        torch.testing.assert_close(users["mean"][user].double(), weight.detach(), atol=1e-5, rtol=1e-4)


def test_variances_are_those_of_the_whole_laplace_covariance() -> None:
    model, pairs = make_lr(), make_pairs(3, 6)
    users, margin = model.adapt(pairs), model.compare(model.adapt(pairs), pairs)
    states = model.scaler(pairs.responses.views["states"])
    difference = states[pairs.chosen] - states[pairs.rejected]
    for user in range(3):
        mine = difference[pairs.segment == user]
        chance = torch.sigmoid(mine @ users["mean"][user])
        precision = RIDGE * torch.eye(WIDTH) + mine.T @ torch.diag(chance * (1 - chance)) @ mine
        expected = torch.diag(mine @ torch.linalg.inv(precision) @ mine.T)
        torch.testing.assert_close(margin.variance[pairs.segment == user], expected, atol=1e-4, rtol=1e-4)


def test_without_pairs_a_user_is_indifferent_and_as_unsure_as_the_prior() -> None:
    model, pairs = make_lr(), make_pairs(3, 4)
    nobody = pairs.select(torch.zeros(len(pairs), dtype=torch.bool))
    margin = model.compare(model.adapt(nobody), pairs)
    assert (margin.mean == 0).all()
    states = model.scaler(pairs.responses.views["states"])
    expected = (states[pairs.chosen] - states[pairs.rejected]).square().sum(-1) / RIDGE
    torch.testing.assert_close(margin.variance, expected)


def test_more_pairs_never_raise_the_variance_of_a_direction() -> None:
    """Where the mode does not move: pairs seen from both sides at once, which leave w at 0."""
    model, pairs = make_lr(), make_pairs(2, 6)
    chosen, rejected = torch.cat([pairs.chosen, pairs.rejected]), torch.cat([pairs.rejected, pairs.chosen])
    both = replace(pairs, chosen=chosen, rejected=rejected, segment=pairs.segment.repeat(2), margin=None)
    place = torch.arange(len(pairs)).repeat(2) % 6
    told = [both.select(place < n) for n in range(7)]
    variances = torch.stack([model.compare(model.adapt(one), pairs).variance for one in told])
    assert (variances.diff(dim=0) <= 1e-5).all()


def test_a_ridge_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="ridge must be positive, got 0"):
        LRParameters(0.0)
