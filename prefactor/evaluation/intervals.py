"""Intervals by resampling users: the unit that a claim about people generalises over."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95
ENDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
CELLS_PER_CHUNK = 4_000_000  # bounds the memory of resampling many users


@dataclass(frozen=True)
class Interval:
    """A mean over users and its percentile bootstrap interval."""

    value: float
    low: float
    high: float

    def columns(self) -> dict[str, float]:
        """As a row of results has it."""
        return {"value": self.value, "ci_low": self.low, "ci_high": self.high}


def over_users(values: np.ndarray, seed: int = 0) -> Interval:
    """Mean of (U,) per-user figures with a 95 % interval; users with NaN have no figure and are left out."""
    return combined([values], seed)


def combined(groups: Sequence[np.ndarray], seed: int = 0) -> Interval:
    """Mean of the groups' means, e.g. of seen and unseen users; each group's users are resampled within it."""
    return of_columns([group[:, None] for group in groups], seed)[0]


def of_columns(groups: Sequence[np.ndarray], seed: int = 0) -> list[Interval]:
    """As :func:`combined`, for M figures at once: groups of (U_g, M) to M intervals, all from the same resamples."""
    found: dict[int, Interval] = {}
    for columns in _alike([~np.isnan(group) for group in groups]):
        known = [group[:, columns] for group in groups]
        known = [group[~np.isnan(group[:, 0])] for group in known]
        found |= zip(columns, _intervals(known, seed), strict=True)
    return [found[number] for number in sorted(found)]


def resampled_means(groups: Sequence[np.ndarray], seed: int = 0) -> list[np.ndarray]:
    """Groups of (U_g, M) figures to (R, M) each: means over users drawn with replacement, one draw for all M."""
    generator = np.random.default_rng(seed)
    return [_resampled(group, generator) for group in groups]


def _alike(known: Sequence[np.ndarray]) -> list[list[int]]:
    """Numbers of the columns, grouped by who has a figure: (U_g, M) booleans per group."""
    found: dict[bytes, list[int]] = {}
    for column in range(known[0].shape[1]):
        found.setdefault(b"".join(mask[:, column].tobytes() for mask in known), []).append(column)
    return [*found.values()]


def _intervals(groups: Sequence[np.ndarray], seed: int) -> list[Interval]:
    if any(len(group) == 0 for group in groups):
        return [Interval(np.nan, np.nan, np.nan)] * groups[0].shape[1]
    values = np.mean([group.mean(0) for group in groups], axis=0)  # (M,)
    ends = np.quantile(np.mean(resampled_means(groups, seed), axis=0), ENDS, axis=0)  # (R,M) -> (2,M)
    return [Interval(float(value), float(low), float(high)) for value, low, high in zip(values, *ends, strict=True)]


def _resampled(columns: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """(U, M) -> (R, M). A draw is a count per user, so that all M means are one matrix product."""
    users = len(columns)
    rows = max(1, CELLS_PER_CHUNK // users)
    means = []
    for start in range(0, RESAMPLES, rows):
        size = min(rows, RESAMPLES - start)
        drawn = generator.integers(0, users, (size, users)) + users * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * users).reshape(size, users)
        means.append(counts.astype(columns.dtype) @ columns / users)  # (r,U)@(U,M)
    return np.concatenate(means)
