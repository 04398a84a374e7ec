"""Abstention: where the personal reward is not trusted, everyone's decides."""

from collections.abc import Iterator

import numpy as np

from prefactor.evaluation.scaling.rules.scored import Scored


def fall_back(scored: Scored, share: float, doubt: str) -> Iterator[np.ndarray]:
    """Scores (S, M) for each seed: the global reward in the ``share`` of sets with the greatest doubt.

    The threshold is that share's among the sets that doubts are held against.
    """
    assert scored.common is not None
    doubtful = np.broadcast_to(abstains(scored, doubt, share), scored.mean.shape[:2])
    yield from np.where(doubtful[..., None], scored.common, scored.mean)  # (R,S,1),(R,S,M)


def abstains(scored: Scored, doubt: str, share: float) -> np.ndarray:
    """(R or 1, S) whether the global reward decides; nowhere at share 0, everywhere at 1."""
    return scored.ranked[doubt] >= 1 - share if share > 0 else np.zeros(scored.ranked[doubt].shape, dtype=bool)
