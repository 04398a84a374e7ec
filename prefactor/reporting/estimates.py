"""One figure with its interval, and how it is printed: the same digits in tables, figures and sentences."""

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import pandas as pd

from prefactor.evaluation.recovery import UTILITY_CORRELATION, WEIGHT_COSINE

MINUS = "\N{MINUS SIGN}"
TO = "\N{EN DASH}"


@dataclass(frozen=True)
class Scale:
    """How a metric is printed: times ``factor``, to ``decimals`` places, with a sign where it is a difference."""

    factor: float
    decimals: int
    signed: bool
    unit: str

    def text(self, value: float) -> str:
        """The number alone, e.g. ``71.2`` or ``+4.1``; a dash for what is not a number."""
        if not math.isfinite(value):
            return TO
        rounded = round(value * self.factor, self.decimals) + 0.0  # + 0.0: no negative zero
        sign = MINUS if rounded < 0 else "+" if self.signed and rounded > 0 else ""
        return f"{sign}{abs(rounded):,.{self.decimals}f}"


PERCENT = Scale(100.0, 1, False, "%")
POINTS = Scale(100.0, 1, True, "points")
SIGNED = Scale(1.0, 2, True, "")
UNSIGNED = Scale(1.0, 2, False, "")
PLAIN = Scale(1.0, 3, False, "")


def short(value: float) -> str:
    """As few digits as it has: ``0.5``, ``4``, and with a minus sign that is one."""
    return f"{value:g}".replace("-", MINUS)


def scale_of(metric: str) -> Scale:
    """Accuracies and calibration errors are percentages, differences of accuracies points, correlations, cosines and
    their differences signed, all else plain numbers."""
    if metric.startswith("ece"):
        return PERCENT
    if metric.startswith("accuracy"):
        return POINTS if "minus" in metric else PERCENT
    return SIGNED if metric.startswith(("uncertainty", UTILITY_CORRELATION, WEIGHT_COSINE)) else PLAIN


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval over users; ``low`` and ``high`` are NaN where there is none.

    ``low_items`` and ``high_items`` are those of the interval over users and what they share, prompts or items.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    n_users: int | None = None
    n_pairs: int | None = None
    low_items: float = math.nan
    high_items: float = math.nan

    @classmethod
    def of_row(cls, row: Any) -> Self:
        """A row of figures, which may lack ``n_pairs``; one NaN for all, so that estimates of equal rows are equal."""
        value, low, high, *items = map(_real, (row.value, row.ci_low, row.ci_high, row.low_items, row.high_items))
        return cls(value, low, high, whole(row.n_users), whole(getattr(row, "n_pairs", None)), *items)

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def with_items(self) -> Self:
        """The same value with the interval over users and items as its interval."""
        return replace(self, low=self.low_items, high=self.high_items)

    @property
    def widest(self) -> Self:
        """The same value with the wider of its two intervals: the one that a claim must clear."""
        return self.with_items if self.high_items - self.low_items > self.high - self.low else self

    def interval(self, scale: Scale, joiner: str = f" {TO} ") -> str:
        """The interval, e.g. ``69.0 - 73.4``; empty where there is none. Signed ends are joined by 'to'."""
        if not self.has_interval:
            return ""
        return f"{scale.text(self.low)}{' to ' if scale.signed else joiner}{scale.text(self.high)}"


def whole(value: Any) -> int | None:
    """A count; None for any null."""
    return None if pd.isna(value) else int(value)


def _real(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)
