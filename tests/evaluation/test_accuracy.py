"""Accuracy and log loss per user, against a loop."""

import numpy as np
import torch

from prefactor.evaluation.accuracy import correct, per_user
from prefactor.evaluation.calibration import Forecast
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


def test_a_score_that_is_no_number_is_wrong() -> None:
    assert correct(torch.tensor([float("nan")])).item() == 0
