"""Figures that need no interval: a random choice's gain, the normal kappa, and the shape of gold within sets."""

from collections.abc import Sequence

import numpy as np

from prefactor.evaluation.scaling.kappa import kappa
from prefactor.evaluation.scaling.pool import ORACLE, RANDOM, Pool
from prefactor.evaluation.scaling.spread import shape


def known_rows(pool: Pool, sizes: Sequence[int]) -> list[dict[str, object]]:
    """A row for each: ``model``, ``metric``, ``law``, ``n``, ``value``."""
    found: list[dict[str, object]] = []
    for size, value in zip(sizes, kappa(sizes), strict=True):
        found.append({"model": RANDOM, "metric": "gain", "law": "", "n": size, "value": 0.0})
        found.append({"model": "", "metric": "kappa_normal", "law": "", "n": size, "value": float(value)})
    shapes = [shape(block.gold) for block in pool.blocks]
    for place, metric in enumerate(("skewness", "excess_kurtosis")):
        values = np.concatenate([each[place] for each in shapes])
        mean = float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
        found.append({"model": ORACLE, "metric": metric, "law": "", "n": None, "value": mean})
    return found
