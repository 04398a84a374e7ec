"""Correlations of a score with the gold utility over the candidates of a set."""

import numpy as np

ROUNDING = 1e-12  # of a set's largest value: smaller deviations are rounding's, and the values are equal


def pearson(score: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """(..., M), (..., M) -> (...,). NaN where gold is constant, for nothing can be said of such a set.

    0 where only the score is constant: it chooses at random.
    """
    return of_centred(centred(score), centred(gold))


def of_centred(score: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """``pearson`` of what is ``centred`` already."""
    score, gold = _of_size_one(score), _of_size_one(gold)  # the squares of tiny numbers are 0
    own, known = np.square(score).sum(-1), np.square(gold).sum(-1)
    size = np.sqrt(own * known)
    found = np.divide((score * gold).sum(-1), size, out=np.zeros(size.shape), where=size > 0)
    return np.where(known > 0, found.clip(-1, 1), np.nan)


def _of_size_one(values: np.ndarray) -> np.ndarray:
    """(..., M) divided by the largest magnitude among them, which is then 1; zeros stay."""
    largest = np.abs(values).max(-1, keepdims=True)
    return np.divide(values, largest, out=np.zeros(values.shape), where=largest > 0)


def centred(values: np.ndarray) -> np.ndarray:
    """(..., M) less their mean; exactly 0 where they differ by rounding alone."""
    less = values - values.mean(-1, keepdims=True)
    near = np.abs(less).max(-1, keepdims=True) <= ROUNDING * np.abs(values).max(-1, keepdims=True)
    return np.where(near, 0.0, less)
