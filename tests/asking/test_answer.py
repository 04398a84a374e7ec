"""Closed forms of an uncertain answer against numerical integration."""

import pytest
import torch
from torch import Tensor

from prefactor.asking.answer import chance, entropy, mean_entropy, with_lapses

MEANS = torch.cat([torch.linspace(0, 12, 13), torch.tensor([-1.0, -7.0, 20.0, 30.0])]).double()
VARIANCES = torch.tensor([1e-6, 1e-3, 0.1, 0.5, 1.0, 3.0, 10.0, 40.0, 200.0, 1000.0]).double()


def integrated(function, mean: Tensor, variance: Tensor) -> Tensor:
    """(M, V) means of a function over N(mean, variance), by a sum so fine that its error is below 1e-9."""
    grid = torch.linspace(-9, 9, 6_001, dtype=torch.float64)
    weight = torch.exp(-grid.square() / 2)
    logit = mean[:, None, None] + variance.sqrt()[:, None] * grid  # (M,V,G)
    return (function(logit) * (weight / weight.sum())).sum(-1)


@pytest.mark.parametrize("lapse", [0.0, 0.02, 0.2])
def test_probability_entropy_and_information_are_those_of_numerical_integration(lapse: float) -> None:
    mean, variance = torch.broadcast_tensors(MEANS[:, None], VARIANCES)
    by_chance = integrated(lambda logit: lapse / 2 + (1 - lapse) * torch.sigmoid(logit), MEANS, VARIANCES)
    left = integrated(lambda logit: entropy(with_lapses(torch.sigmoid(logit), lapse)), MEANS, VARIANCES)
    found, remaining = chance(mean, variance, lapse), mean_entropy(mean, variance, lapse)
    torch.testing.assert_close(found, by_chance, atol=2e-5, rtol=0)
    torch.testing.assert_close(remaining, left, atol=1.5e-4, rtol=0)
    torch.testing.assert_close(entropy(found) - remaining, entropy(by_chance) - left, atol=1e-4, rtol=0)


def test_what_other_closed_forms_are_off_by() -> None:
    """As the module and the documents quote them: BALD's probit, and the curvature's 1/2 log(1 + p (1 - p) v)."""
    mean, variance = torch.broadcast_tensors(MEANS[:, None], VARIANCES)
    exact = entropy(integrated(torch.sigmoid, MEANS, VARIANCES))
    exact = exact - integrated(lambda logit: entropy(torch.sigmoid(logit)), MEANS, VARIANCES)
    m, v = mean * (torch.pi / 8) ** 0.5, variance * torch.pi / 8  # sigmoid(x) ~ Phi(x sqrt(pi / 8))
    wide, log2 = torch.pi * torch.log(torch.tensor(2.0)) / 2, torch.log(torch.tensor(2.0))
    bald = entropy(torch.special.ndtr(m / (1 + v).sqrt()).clamp(1e-12, 1 - 1e-12))
    bald = bald - log2 * (wide / (v + wide)).sqrt() * torch.exp(-m.square() / (2 * (v + wide)))
    assert 0.02 < (bald - exact).abs().max() < 0.03
    choice = torch.sigmoid(mean / (1 + torch.pi * variance / 8).sqrt())
    curvature = 0.5 * torch.log1p(choice * (1 - choice) * variance)
    few = variance <= 1
    assert (curvature - exact)[few].abs().max() < 0.02
    assert curvature.max() > 2 > log2 >= exact.max()


def test_an_answer_that_is_always_a_lapse_is_a_coin() -> None:
    mean, variance = MEANS, torch.ones_like(MEANS)
    torch.testing.assert_close(chance(mean, variance, 1.0), torch.full_like(mean, 0.5))
    torch.testing.assert_close(mean_entropy(mean, variance, 1.0), torch.full_like(mean, 2.0).log())


def test_both_responses_are_alike() -> None:
    mean, variance = torch.broadcast_tensors(MEANS[:, None], VARIANCES)
    torch.testing.assert_close(chance(-mean, variance, 0.1), 1 - chance(mean, variance, 0.1))
    torch.testing.assert_close(mean_entropy(-mean, variance, 0.1), mean_entropy(mean, variance, 0.1))
