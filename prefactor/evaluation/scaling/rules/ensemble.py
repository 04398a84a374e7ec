"""Ensembles: the same model trained with other seeds, and other models."""

from collections.abc import Iterator

import numpy as np

from prefactor.evaluation.scaling.rules.scored import Scored, standardised_mean


def mean_of_seeds(scored: Scored) -> Iterator[np.ndarray]:
    """The mean over training seeds: once (S, M)."""
    yield scored.mean.mean(0)


def with_others(scored: Scored, weight: float) -> Iterator[np.ndarray]:
    """Own + weight * the other models' mean, standardised within each set, for each seed (S, M)."""
    assert scored.others is not None
    yield from standardised_mean(scored) + weight * scored.others


def all_of_all(scored: Scored, weight: float) -> Iterator[np.ndarray]:
    """The same of the mean over training seeds: once (S, M)."""
    assert scored.others is not None
    yield standardised_mean(scored).mean(0) + weight * scored.others.mean(0)
