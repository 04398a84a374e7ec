"""The noise of correlations over few candidates: how it inflates hacking, and what is left once it is taken out."""

import numpy as np
import pytest

from prefactor.evaluation.scaling.correlations import pearson
from prefactor.evaluation.scaling.noise import (
    CELLS,
    GRID,
    below_zero,
    cell_likelihood,
    cells,
    deconvolved,
    near_zero,
    negative_by_chance,
    user_cells,
    user_likelihood,
)

SETS = 20_000


def measured(true: np.ndarray, candidates: int, seed: int) -> np.ndarray:
    """Correlations of sets whose true ones are given."""
    generator = np.random.default_rng(seed)
    gold, noise = generator.standard_normal((2, len(true), candidates))
    return pearson(true[:, None] * gold + np.sqrt(1 - true**2)[:, None] * noise, gold)


def true_shares(rho: np.ndarray, candidates: int) -> np.ndarray:
    counted = np.bincount(cells(rho), minlength=CELLS)[None].astype(float)
    return deconvolved(cell_likelihood(candidates), counted)


@pytest.mark.parametrize(("candidates", "known"), [(32, 0.14), (8, 0.31)])
def test_a_weak_reward_looks_hacked(candidates: int, known: float) -> None:
    rho = measured(np.full(SETS, 0.2), candidates, seed=0)
    assert (rho < 0).mean() == pytest.approx(known, abs=0.012)
    assert negative_by_chance(np.array(0.2), candidates) == pytest.approx(known, abs=0.02)


@pytest.mark.parametrize(("candidates", "bias"), [(32, 0.012), (8, 0.06)])
def test_without_noise_hacking_is_nearly_what_it_was(candidates: int, bias: float) -> None:
    generator = np.random.default_rng(candidates)
    true = np.where(generator.random(SETS) < 0.2, -0.3, 0.4)
    rho = measured(true, candidates, seed=1)
    raw, corrected = (rho < 0).mean(), float(below_zero(true_shares(rho, candidates))[0][0])
    assert abs(corrected - 0.2) < bias
    if candidates == 8:
        assert raw - 0.2 > 0.05 and abs(corrected - 0.2) < raw - 0.2  # the raw rate is off by more


def test_the_means_of_both_kinds_are_found_with_many_candidates() -> None:
    true = np.where(np.random.default_rng(3).random(SETS) < 0.25, -0.35, 0.6)
    rate, healthy, hacked = (float(part[0]) for part in below_zero(true_shares(measured(true, 200, 2), 200)))
    assert (rate, healthy, hacked) == pytest.approx((0.25, 0.6, 0.35), abs=0.01)


def test_each_true_correlation_makes_one_distribution() -> None:
    assert cell_likelihood(32).sum(0) == pytest.approx(np.ones(len(GRID)))
    assert user_likelihood(0.1).sum(0) == pytest.approx(np.ones(len(GRID)))


def test_users_near_zero_are_counted_without_the_noise_of_their_mean() -> None:
    true = np.where(np.random.default_rng(4).random(4_000) < 0.3, 0.0, 0.5)
    rho = true + 0.1 * np.random.default_rng(5).standard_normal(len(true))
    raw = (np.abs(rho) < 0.1).mean()
    likelihood = user_likelihood(0.1)
    counted = np.bincount(user_cells(rho), minlength=len(likelihood))[None].astype(float)
    corrected = float(near_zero(deconvolved(likelihood, counted), 0.1)[0])
    assert abs(corrected - 0.3) < 0.03 < 0.3 - raw


def test_resamples_do_not_touch_each_other() -> None:
    first, second = (np.bincount(cells(measured(np.full(500, rho), 16, 6)), minlength=CELLS) for rho in (0.1, 0.7))
    likelihood = cell_likelihood(16)
    both = deconvolved(likelihood, np.stack([first, second]).astype(float))
    assert both[1] == pytest.approx(deconvolved(likelihood, second[None].astype(float))[0])
