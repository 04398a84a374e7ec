"""How far candidates' utilities lie apart within a set, and the shape of their distribution."""

from math import exp, lgamma

import numpy as np

from prefactor.evaluation.scaling.correlations import centred


def spread(values: np.ndarray) -> np.ndarray:
    """(S, M) -> (S,) standard deviation, without the bias that M draws from a normal distribution would have."""
    size = values.shape[1]
    return np.sqrt(np.square(centred(values)).sum(1) / (size - 1)) / _shortfall(size)


def _shortfall(size: int) -> float:
    """c4: the expected standard deviation of so many standard normals."""
    return (2 / (size - 1)) ** 0.5 * exp(lgamma(size / 2) - lgamma((size - 1) / 2))


def shape(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(S, M) -> (S,), (S,) skewness and excess kurtosis within each set, by its moments; NaN for a constant one."""
    less = centred(values)
    second, third, fourth = (np.mean(less**power, 1) for power in (2, 3, 4))
    apart = second > 0
    unknown = np.full(second.shape, np.nan)
    skewness = np.divide(third, second**1.5, out=unknown.copy(), where=apart)
    return skewness, np.divide(fourth, second**2, out=unknown, where=apart) - 3
