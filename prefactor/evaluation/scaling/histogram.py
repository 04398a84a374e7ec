"""How the correlations of a score with gold are distributed over sets."""

import numpy as np
import pandas as pd

WIDTH = 0.1
BINS = np.arange(-1.0, 1.0, WIDTH).round(1)  # left edges


def histogram(model: str, correlations: np.ndarray) -> pd.DataFrame:
    """(R, S) correlations to a row per bin: ``model``, ``bin``, ``count``, the mean over training seeds."""
    place = ((correlations.ravel() + 1) / WIDTH).astype(int).clip(0, len(BINS) - 1)
    count = np.bincount(place, minlength=len(BINS)) / len(correlations)
    return pd.DataFrame({"model": model, "bin": BINS, "count": count})
