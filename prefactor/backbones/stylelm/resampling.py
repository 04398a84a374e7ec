"""Intervals of ratios of sums, resampled over prompts: responses to one prompt are alike."""

from collections.abc import Callable
from typing import Any

import numpy as np

from prefactor.seeds import mixed_seed

DRAWS = 1000
ENDS = (0.025, 0.975)


class Resampling:
    """Draws of G prompts with replacement, the same for every figure, so that ratios are paired."""

    def __init__(self, groups: np.ndarray, seed: int) -> None:
        """``groups`` (N,) says which prompt each value belongs to."""
        found, self._of = np.unique(groups, return_inverse=True)
        self.groups = len(found)
        random = np.random.default_rng(mixed_seed(seed, "stylelm", "resampling"))
        even = np.full(max(self.groups, 1), 1 / max(self.groups, 1))
        self._counts = random.multinomial(self.groups, even, size=DRAWS)[:, : self.groups]  # (R, G)

    def mean(self, values: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
        """sum(values) / sum(weights) over N rows, its 95 % interval, the weight n and the number of prompts."""
        return self._figure(values, weights, lambda ratio: ratio)

    def exp_mean(self, values: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
        """The same of exp(sum(values) / sum(weights)): a perplexity, of values in nats and numbers of tokens."""
        return self._figure(values, weights, np.exp)

    def _figure(
        self, values: np.ndarray, weights: np.ndarray, of: Callable[[np.ndarray], np.ndarray]
    ) -> dict[str, Any]:
        if not weights.sum():
            return {"value": None, "low": None, "high": None, "n": 0, "prompts": 0}
        above, below = (np.bincount(self._of, column, self.groups) for column in (values, weights))  # (G,), (G,)
        drawn = self._counts @ np.column_stack([above, below])  # (R,G)@(G,2)
        drawn = drawn[drawn[:, 1] > 0]  # a draw of prompts without what is counted says nothing
        low, high = np.quantile(of(drawn[:, 0] / drawn[:, 1]), ENDS)
        value = of(above.sum() / below.sum())
        return {
            "value": round(float(value), 4),
            "low": round(float(low), 4),
            "high": round(float(high), 4),
            "n": int(below.sum()),
            "prompts": int((below > 0).sum()),
        }
