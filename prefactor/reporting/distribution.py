"""How a counted quantity is spread: a few figures, and a histogram."""

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

BINS = 24


@dataclass(frozen=True)
class Distribution:
    """A counted quantity: least, median, mean, 95th percentile and most, and a histogram up to the 99th percentile."""

    least: int
    median: float
    mean: float
    high: float
    most: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]


def distribution_of(values: pa.Array | pa.ChunkedArray) -> Distribution | None:
    """The distribution of whole numbers; None of none."""
    if len(values) == 0:
        return None
    series = values.to_pandas()
    median, high, cut = series.quantile([0.5, 0.95, 0.99])
    least, most = int(series.min()), int(series.max())
    width = max(1, -(-(int(cut) - least) // BINS))
    edges = [*range(least, int(cut) + width + 1, width)]
    counts = pd.cut(series[series < edges[-1]], edges, right=False).value_counts(sort=False)
    figures = least, float(median), float(series.mean()), float(high), most
    return Distribution(*figures, tuple(map(float, edges)), tuple(map(int, counts)))
