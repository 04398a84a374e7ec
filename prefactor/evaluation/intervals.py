"""Intervals by resampling users: the unit that a claim about people generalises over."""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
CELLS_PER_CHUNK = 20_000_000  # bounds the memory of resampling many users


@dataclass(frozen=True)
class Interval:
    """A mean over users and its percentile bootstrap interval."""

    value: float
    low: float
    high: float


def over_users(values: np.ndarray, seed: int = 0) -> Interval:
    """Mean of (U,) per-user figures with a 95 % interval; users with NaN have no figure and are left out."""
    return combined([values], seed)


def combined(groups: list[np.ndarray], seed: int = 0) -> Interval:
    """Mean of the groups' means, e.g. of seen and unseen users; each group's users are resampled within it."""
    generator = np.random.default_rng(seed)
    known = [group[~np.isnan(group)] for group in groups]
    if any(len(group) == 0 for group in known):
        return Interval(np.nan, np.nan, np.nan)
    means = np.mean([_resampled_means(group, generator) for group in known], axis=0)  # (R,)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(np.mean([group.mean() for group in known])), float(low), float(high))


def _resampled_means(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(U,) -> (R,) means of users drawn with replacement."""
    users = len(values)
    rows = max(1, CELLS_PER_CHUNK // users)
    sizes = [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]
    return np.concatenate([values[generator.integers(0, users, (size, users))].mean(1) for size in sizes])
