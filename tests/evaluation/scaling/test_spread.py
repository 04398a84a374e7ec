"""Spread without bias, and the shape of a distribution."""

import numpy as np
import pytest
from scipy.stats import kurtosis, skew

from prefactor.evaluation.scaling.spread import shape, spread


@pytest.mark.parametrize("size", [2, 8, 32])
def test_it_has_no_bias_for_normal_values(size: int) -> None:
    drawn = spread(3 * np.random.default_rng(size).standard_normal((20_000, size)))
    assert abs(drawn.mean() - 3) < 4 * drawn.std() / np.sqrt(len(drawn))


def test_shape_is_that_of_moments() -> None:
    values = np.random.default_rng(0).exponential(size=(6, 40))
    skewness, excess = shape(values)
    assert skewness == pytest.approx(skew(values, axis=1)) and excess == pytest.approx(kurtosis(values, axis=1))
    assert all(np.isnan(part).all() for part in shape(np.full((1, 4), 0.3)))


def test_rounding_is_no_spread() -> None:
    nearly = 0.3 + 5.6e-17 * np.arange(4.0)[None]
    assert np.ptp(nearly) > 0 and spread(nearly).tolist() == [0.0]
    assert all(np.isnan(part).all() for part in shape(nearly))
