"""A figure, what resampling users makes of it, and what it is without each item that users share: one array of all.

Every quantity of the diagnosis is a function of means over users of some columns. Computed on all weighings at once it
gives its own intervals, whatever function it is, and differences between models are paired.
"""

from dataclasses import dataclass

import numpy as np

from prefactor.evaluation.intervals import ENDS, Interval, resampled_means
from prefactor.evaluation.items import with_items_left_out


@dataclass(frozen=True)
class Weighings:
    """B weighings of U users: all of them once, then ``resamples`` drawn with replacement, then ``items`` left out."""

    users: int
    resamples: int
    items: int

    def means(self, columns: np.ndarray, without: np.ndarray) -> np.ndarray:
        """Columns (U, C), and their means without each of the I items (I, C), to means over users (B, C)."""
        drawn = resampled_means([columns])[0][: self.resamples]
        return np.concatenate([columns.mean(0, keepdims=True), drawn, without])

    def few(self, resamples: int) -> "Weighings":
        """With fewer of the resamples."""
        return Weighings(self.users, min(resamples, self.resamples), self.items)

    def thinned(self, values: np.ndarray, few: "Weighings") -> np.ndarray:
        """(B, ...) values of all weighings to those of ``few``."""
        return np.concatenate([values[: 1 + few.resamples], values[1 + self.resamples :]])

    def intervals(self, values: np.ndarray) -> tuple[Interval, Interval]:
        """(B,) values of a figure to it with its interval over users, and over users and items; NaN where none is."""
        value, drawn, without = float(values[0]), values[1 : 1 + self.resamples], values[1 + self.resamples :]
        known = drawn[np.isfinite(drawn)]
        if not np.isfinite(value) or len(known) < self.resamples / 2 or self.users < 2:
            return Interval(value, np.nan, np.nan), Interval(value, np.nan, np.nan)
        low, high = np.quantile(known, ENDS)
        wider = with_items_left_out(value, float(known.var(ddof=1)), self.users, without)
        return Interval(value, float(low), float(high)), wider
