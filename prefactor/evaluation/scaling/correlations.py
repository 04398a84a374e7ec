"""Correlations of a score with the gold utility over the candidates of a set."""

import numpy as np

ROUNDING = 1e-12  # of a set's largest value: smaller deviations are rounding's, and the values are equal


def pearson(score: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """(..., M), (..., M) -> (...,). NaN where gold is constant, for nothing can be said of such a set.

    0 where only the score is constant: it chooses at random.
    """
    a, b = centred(score), centred(gold)
    size = np.sqrt(np.square(a).sum(-1) * np.square(b).sum(-1))
    found = np.divide((a * b).sum(-1), size, out=np.zeros(size.shape), where=size > 0)
    return np.where(np.square(b).sum(-1) > 0, found.clip(-1, 1), np.nan)


def centred(values: np.ndarray) -> np.ndarray:
    """(..., M) less their mean; exactly 0 where they differ by rounding alone."""
    less = values - values.mean(-1, keepdims=True)
    near = np.abs(less).max(-1, keepdims=True) <= ROUNDING * np.abs(values).max(-1, keepdims=True)
    return np.where(near, 0.0, less)
