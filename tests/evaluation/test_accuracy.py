"""Accuracy and log loss per user, against a loop."""

import numpy as np
import torch

from prefactor.evaluation.accuracy import per_user
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


def test_a_tie_is_not_a_correct_prediction() -> None:
    pairs = make_pairs(1, 4)
    assert per_user(Margin(torch.zeros(4), torch.zeros(4)), pairs).accuracy[0] == 0
