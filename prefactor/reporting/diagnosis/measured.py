"""A diagnosis's figures by model, metric, law and N: what every section of the page looks up."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from prefactor.errors import InputError
from prefactor.evaluation.scaling.pool import ORACLE, RANDOM
from prefactor.reporting.estimates import Estimate, whole

GAIN = "gain"
ENDS = ("low", "high", "low_items", "high_items")
FROM_0_TO_1 = (
    *("collapse_rate", "collapse_by_spread", "collapse_by_correlation", "collapse_rate_corrected"),
    *("hacking_rate", "hacking_rate_of_noise", "hacking_rate_corrected"),
    *("healthy_correlation", "hacked_correlation", "healthy_correlation_corrected", "hacked_correlation_corrected"),
)
RANGES = {
    "law_error": (0.0, math.inf),
    **dict.fromkeys(FROM_0_TO_1, (0.0, 1.0)),
    **dict.fromkeys(("correlation", "rank_correlation"), (-1.0, 1.0)),
}


class Key(NamedTuple):
    """Which figure; ``law`` is empty but for predictions, paired differences and traits, ``n`` None but on a curve."""

    model: str
    metric: str
    law: str = ""
    n: int | None = None


@dataclass(frozen=True)
class Measured:
    """The figures of one diagnosis."""

    estimates: Mapping[Key, Estimate]

    @classmethod
    def of(cls, figures: pd.DataFrame) -> Self:
        """InputError where two rows claim to be the same figure."""
        estimates: dict[Key, Estimate] = {}
        for row in figures.itertuples(index=False):
            key = Key(str(row.model), str(row.metric), _text(row.law), whole(row.n))
            if key in estimates:
                raise InputError(f"the diagnosis gives one figure twice: {key._asdict()}; write its folder anew")
            estimates[key] = _possible(key.metric, Estimate.of_row(row))
        return cls(estimates)

    def one(self, model: str, metric: str, law: str = "", n: int | None = None) -> Estimate | None:
        """A figure, or None where there is none or it is no number."""
        found = self.estimates.get(Key(model, metric, law, n))
        return found if found is not None and math.isfinite(found.value) else None

    def curve(self, model: str, metric: str, law: str = "") -> dict[int, Estimate]:
        """Figures by N, ascending."""
        found = {key.n: own for key, own in self.estimates.items() if key[:3] == (model, metric, law)}
        return {n: found[n] for n in sorted(n for n in found if n is not None)}

    def laws(self, model: str, metric: str) -> list[str]:
        """What a metric of the model is given under, in the table's order."""
        return list(dict.fromkeys(key.law for key in self.estimates if key[:2] == (model, metric)))

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The N of the curves, ascending."""
        return tuple(sorted({key.n for key in self.estimates if key.metric == GAIN and key.n is not None}))

    @cached_property
    def spread(self) -> float:
        """The mean standard deviation of gold utility within a query: what the page measures gains in."""
        found = self.one(ORACLE, "spread")
        return found.value if found is not None and found.value > 0 else 1.0

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Whose scores were diagnosed, the one of the highest gain at the largest N first."""
        names = dict.fromkeys(key.model for key in self.estimates if key.metric == GAIN)
        return tuple(sorted((name for name in names if name not in (ORACLE, RANDOM)), key=self._rank))

    def gains(self, model: str) -> dict[int, Estimate]:
        """The observed gain by N, in spreads."""
        return {n: scaled(own, 1 / self.spread) for n, own in self.curve(model, GAIN).items()}

    def steps(self, model: str) -> dict[int, Estimate]:
        """What each candidate brought on the way to an N from the N before, by N, in spreads; the first N has none."""
        return {n: scaled(own, 1 / self.spread) for n, own in self.curve(model, "gain_step").items()}

    def predicted(self, model: str, law: str) -> dict[int, Estimate]:
        """The predicted gain by N, in spreads."""
        return {n: scaled(own, 1 / self.spread) for n, own in self.curve(model, "predicted_gain", law).items()}

    def share(self, model: str) -> Estimate | None:
        """The gain at the largest N as a share of the oracle's there, which is taken as given."""
        own, best = (self.one(name, GAIN, n=self.sizes[-1]) if self.sizes else None for name in (model, ORACLE))
        return scaled(own, 1 / best.value) if own is not None and best is not None and best.value > 0 else None

    def _rank(self, model: str) -> tuple[float, str]:
        own = self.one(model, GAIN, n=self.sizes[-1])
        return (math.inf if own is None else -own.value, model)


def scaled(estimate: Estimate, factor: float) -> Estimate:
    """An estimate in another unit, with its intervals; ``factor`` > 0."""
    ends = {name: getattr(estimate, name) * factor for name in ("value", *ENDS)}
    return replace(estimate, **ends)


def _possible(metric: str, estimate: Estimate) -> Estimate:
    """Intervals that reach no further than the figure itself can: symmetric ones may."""
    if metric not in RANGES:
        return estimate
    low, high, *items = np.clip([getattr(estimate, name) for name in ENDS], *RANGES[metric]).tolist()
    return replace(estimate, low=low, high=high, low_items=items[0], high_items=items[1])


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)
