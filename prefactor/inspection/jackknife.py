"""Intervals by leaving out one of what a mean is over at a time, from what each leaving out changes."""

from dataclasses import dataclass

import numpy as np
from duckdb import DuckDBPyConnection
from scipy.special import stdtrit

from prefactor.evaluation.intervals import ENDS


@dataclass(frozen=True)
class Bounds:
    """A 95 % interval over ``n`` of what ``over`` names; its ends are None where too few make none."""

    low: float | None
    high: float | None
    n: int
    over: str


def jackknife(connection: DuckDBPyConnection, query: str, over: str, total: float, count: int) -> Bounds:
    """The interval of the mean ``total`` / ``count``, a share.

    ``query`` gives, for each unit left out, what the total ``lost`` and how many of the count are ``gone``.
    """
    found = connection.execute(query).fetchnumpy()
    lost, left = np.asarray(found["lost"]), count - np.asarray(found["gone"])
    units = len(lost)
    if units < 2 or not left.all():
        return Bounds(None, None, units, over)
    without = (total - lost) / left
    error = np.sqrt((units - 1) / units * np.square(without - without.mean()).sum())
    reach = float(stdtrit(units - 1, ENDS[1]) * error)
    value = total / count
    return Bounds(max(0.0, value - reach), min(1.0, value + reach), units, over)
