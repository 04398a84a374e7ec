"""The scale of rewards: planted miscalibration is found, and nothing else changes."""

import numpy as np
import torch

from prefactor.methods.base import Margin
from prefactor.methods.calibration import KNOTS, Calibration


def simulate(scale: float, seed: int = 0) -> tuple[Margin, torch.Tensor]:
    """Margins of a model whose every logit is ``scale`` times too large, for users with 1 and with 20 pairs."""
    generator = torch.Generator().manual_seed(seed)
    logit = torch.randn(40_000, generator=generator) * 1.5
    won = torch.rand(len(logit), generator=generator) < torch.sigmoid(logit)
    mean = scale * torch.where(won, logit, -logit)
    return Margin(mean, torch.zeros_like(mean)), torch.where(torch.arange(len(mean)) % 2 == 0, 1.0, 20.0)


def test_a_planted_scale_is_undone_at_every_number_of_pairs() -> None:
    for scale in (0.4, 1.0, 3.0):
        calibration = Calibration()
        calibration.fit(*simulate(scale))
        found = calibration.scale(torch.tensor([1.0, 20.0]))
        torch.testing.assert_close(found, torch.full((2,), 1 / scale), atol=0.03 / scale, rtol=0.05)


def test_what_is_right_of_few_pairs_and_of_many_may_be_wrong_between() -> None:
    """Logits three times too large at five pairs alone."""
    margin, _ = simulate(1.0)
    count = torch.tensor([1.0, 3.0, 5.0, 9.0, 45.0]).repeat(len(margin.mean) // 5)
    calibration = Calibration()
    calibration.fit(Margin(torch.where(count == 5, 3, 1) * margin.mean, margin.variance), count)
    found = calibration.scale(torch.tensor([1.0, 3.0, 5.0, 9.0, 20.0, 45.0]))
    torch.testing.assert_close(found, torch.tensor([1, 1, 1 / 3, 1, 1, 1]), atol=0.05, rtol=0)


def test_a_variance_that_is_too_large_is_narrowed() -> None:
    generator = torch.Generator().manual_seed(1)
    logit = torch.randn(60_000, generator=generator) * 2
    variance = torch.rand(len(logit), generator=generator) * 10
    chance = Margin(logit, variance).probability()
    won = torch.rand(len(logit), generator=generator) < chance
    calibration = Calibration()
    calibration.fit(Margin(torch.where(won, logit, -logit), 4 * variance), torch.full((len(logit),), 5.0))
    count = torch.tensor([5.0])
    torch.testing.assert_close(calibration.widening(count), torch.tensor([0.25]), atol=0.05, rtol=0)
    torch.testing.assert_close(calibration.scale(count), torch.tensor([1.0]), atol=0.07, rtol=0)  # pulled a little


def test_no_scale_is_foretold_beyond_the_numbers_of_pairs_it_was_set_on() -> None:
    calibration = Calibration()
    calibration.fit(*simulate(3.0))
    few, many = calibration.scale(torch.tensor([0.0, 1e6])), calibration.scale(torch.tensor([1.0, 20.0]))
    torch.testing.assert_close(few, many)


def test_choices_at_random_are_told_from_a_scale_that_is_too_large() -> None:
    """Logits twice too large, and a share of the choices a coin's: a scale cannot pay for both."""
    margin, count = simulate(2.0)
    generator = torch.Generator().manual_seed(3)
    for share in (0.0, 0.2, 0.4):
        random = torch.rand(len(count), generator=generator) < share
        coin = torch.where(torch.rand(len(count), generator=generator) < 0.5, 1.0, -1.0)
        chosen = Margin(torch.where(random, margin.mean * coin, margin.mean), margin.variance)
        truth = share / 2 + (1 - share) * torch.sigmoid(margin.mean / 2)
        error = {}
        for lapses in (False, True):
            calibration = Calibration(lapses)
            calibration.fit(chosen, count)
            scaled = Margin(calibration.scale(count) * margin.mean, margin.variance, calibration.lapse)
            error[lapses] = float((scaled.probability() - truth).abs().max())
        assert abs(float(calibration.lapse) - share) < 0.06
        assert error[True] < 0.03 and (share == 0 or error[False] > 2 * error[True])
        calibration.reset()
        assert not calibration.lapse and not calibration.constants.any()


def test_between_two_knots_the_logarithm_is_a_line() -> None:
    calibration = Calibration()
    calibration.fit(*simulate(3.0))
    calibration.constants.copy_(torch.randn(calibration.constants.shape, generator=torch.Generator().manual_seed(0)))
    count = torch.linspace(1, 20, 381)
    knots = torch.log1p(torch.tensor(KNOTS)).numpy()
    for found, line in zip((calibration.scale, calibration.widening), calibration.constants, strict=True):
        expected = np.exp(np.interp(torch.log1p(count).numpy(), knots, line.numpy()))
        torch.testing.assert_close(found(count), torch.from_numpy(expected).float())


def test_the_last_knot_is_the_most_that_users_had() -> None:
    """Scales that fall from 3 to 1 in the logarithm of the number of pairs, from 20 to 200."""
    margin, _ = simulate(1.0)
    sizes = torch.tensor([20.0, 60.0, 200.0])
    planted = 1 + 2 * (torch.log1p(torch.tensor(200.0)) - torch.log1p(sizes)) / torch.log(torch.tensor(201 / 21))
    which = torch.arange(len(margin.mean)) % 3
    calibration = Calibration()
    calibration.fit(Margin(planted[which] * margin.mean, margin.variance), sizes[which])
    found = calibration.scale(torch.tensor([20.0, 200.0, 1000.0]))
    torch.testing.assert_close(found, torch.tensor([1 / 3, 1.0, 1.0]), atol=0.1, rtol=0)


def test_a_fresh_calibration_changes_nothing() -> None:
    calibration, count = Calibration(), torch.tensor([0.0, 3.0, 100.0])
    assert torch.equal(calibration.scale(count), torch.ones(3))
    assert torch.equal(calibration.widening(count), torch.ones(3))
