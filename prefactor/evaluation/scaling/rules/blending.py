"""Blending: everyone's reward added to the personal one, in all sets alike or where it is doubted."""

from collections.abc import Iterator

import numpy as np

from prefactor.evaluation.scaling.rules.scored import Scored


def blended(scored: Scored, gamma: float) -> Iterator[np.ndarray]:
    """Personal + gamma * global (S, M), for each seed; below 0, what everyone likes is held against a candidate."""
    assert scored.common is not None
    yield from scored.mean + gamma * scored.common


def shrunk(scored: Scored, t: float, doubt: str) -> Iterator[np.ndarray]:
    """(1 - k) personal + k global (S, M) for each seed, k = t d / (1 + t d), by the doubt d of the set.

    With noise over signal for d and t = 1, k is the share of the scores' variance that is noise.
    """
    assert scored.common is not None
    weight = 1 / (1 + t * scored.doubts[doubt]) if t else np.ones(scored.doubts[doubt].shape)
    yield from weight[..., None] * scored.mean + (1 - weight)[..., None] * scored.common  # (R,S,1),(R,S,M)
