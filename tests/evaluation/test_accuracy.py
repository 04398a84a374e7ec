"""Accuracy and log loss per user, against a loop."""

import math
from dataclasses import replace

import numpy as np
import torch

from prefactor.evaluation.accuracy import correct, per_pair, per_user
from prefactor.evaluation.calibration import ATTENUATED, PLAIN, Forecast
from prefactor.methods.base import Margin
from tests.worlds import make_pairs


def test_figures_equal_a_loop_over_users() -> None:
    pairs = make_pairs(5, 6).select(torch.arange(30) < 24)  # the last user has none
    margin = Margin(torch.randn(24), torch.rand(24))
    figures = per_user(margin, pairs)
    for user in range(4):
        rows = pairs.segment == user
        assert figures.accuracy[user] == np.mean((margin.mean[rows] > 0).numpy())
        nats = -margin.probability()[rows].log().mean()
        np.testing.assert_allclose(figures.log_loss[user], nats, rtol=1e-5)
        plain = torch.sigmoid(margin.mean[rows])
        np.testing.assert_allclose(figures.log_loss_plain[user], -plain.log().mean(), rtol=1e-5)
        np.testing.assert_allclose(figures.brier_plain[user], (1 - plain).square().mean(), rtol=1e-5)
        np.testing.assert_allclose(figures.brier[user], (1 - margin.probability()[rows]).square().mean(), rtol=1e-5)
    assert np.isnan(figures.accuracy[4]) and figures.pairs.tolist() == [6, 6, 6, 6, 0]


def test_a_tie_is_half_right_in_accuracy_and_forecast_alike() -> None:
    pairs = make_pairs(1, 4)
    margin = Margin(torch.tensor([0.0, 0.0, 1.0, -1.0]), torch.zeros(4))
    assert per_user(margin, pairs).accuracy[0] == 0.5
    assert Forecast.of(margin, pairs).correct.tolist() == [0.5, 0.5, 1, 0]


def test_a_share_of_choices_at_random_moves_every_probability_towards_a_half() -> None:
    pairs, lapse = make_pairs(2, 12), torch.cat([torch.zeros(8), torch.full((8,), 0.3), torch.ones(8)])
    margin = Margin(torch.linspace(-30, 30, 24), torch.rand(24), lapse)
    expected = lapse / 2 + (1 - lapse) * torch.sigmoid(margin.attenuated())
    torch.testing.assert_close(margin.probability(), expected)
    assert torch.equal(replace(margin, lapse=torch.zeros(())).logit(), margin.attenuated())
    assert per_pair(margin)["log_loss"][8:].max() < -math.log(0.15) + 1e-4  # however sure the rewards are
    confidence = Forecast.of(margin, pairs).confidence
    np.testing.assert_allclose(confidence[ATTENUATED], (margin.probability() - 0.5).abs() + 0.5, rtol=1e-5)
    plain = lapse / 2 + (1 - lapse) * torch.sigmoid(margin.mean)
    np.testing.assert_allclose(confidence[PLAIN], (plain - 0.5).abs() + 0.5, rtol=1e-5)


def test_a_score_that_is_no_number_is_wrong() -> None:
    assert correct(torch.tensor([float("nan")])).item() == 0
