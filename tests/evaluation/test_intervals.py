"""Bootstrap intervals: coverage, known standard errors, users left out."""

from dataclasses import astuple

import numpy as np
import pytest

from prefactor.evaluation.intervals import RESAMPLES, combined, of_columns, over_users, resampled_means


def test_interval_has_the_width_of_the_standard_error() -> None:
    values = np.random.default_rng(0).normal(0.7, 0.1, 400)
    interval = over_users(values)
    expected = 1.96 * values.std() / 20
    assert interval.value == pytest.approx(values.mean())
    assert (interval.high - interval.low) / 2 == pytest.approx(expected, rel=0.1)


def test_coverage_is_near_nominal() -> None:
    generator = np.random.default_rng(1)
    hits = sum(
        interval.low <= 0.6 <= interval.high
        for interval in (over_users((generator.random(60) < 0.6).astype(float), seed) for seed in range(200))
    )
    assert 0.88 <= hits / 200 <= 0.99


def test_users_without_a_figure_are_left_out() -> None:
    values = np.array([0.5, np.nan, 1.0])
    assert over_users(values).value == 0.75
    assert np.isnan(over_users(np.array([np.nan])).value)


def test_overall_weighs_groups_not_users() -> None:
    assert combined([np.ones(10), np.zeros(1000)]).value == 0.5


def test_resampled_means_equal_a_loop_over_draws() -> None:
    values = np.random.default_rng(2).random((7, 3))
    drawn = np.random.default_rng(0).integers(0, 7, (RESAMPLES, 7))
    np.testing.assert_allclose(resampled_means([values])[0], [values[row].mean(0) for row in drawn])


def test_many_figures_at_once_equal_one_at_a_time() -> None:
    generator = np.random.default_rng(3)
    groups = [generator.random((size, 3)) for size in (20, 30)]
    groups[1][4:9, 1] = np.nan
    alone = [combined([group[:, column] for group in groups]) for column in range(3)]
    np.testing.assert_allclose([astuple(item) for item in of_columns(groups)], [astuple(item) for item in alone])
