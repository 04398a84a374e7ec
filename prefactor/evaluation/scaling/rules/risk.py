"""Risk: the mean less so many standard deviations, and more of them for an optimist."""

from collections.abc import Iterator

import numpy as np

from prefactor.evaluation.scaling.rules.scored import Scored


def less_deviations(scored: Scored, c: float) -> Iterator[np.ndarray]:
    """Mean - c std of the centred reward, for each seed (S, M): c > 0 is averse to risk, c < 0 seeks it."""
    assert scored.std is not None
    yield from scored.mean - c * scored.std


def less_disagreement(scored: Scored, c: float) -> Iterator[np.ndarray]:
    """The mean over training seeds less c standard deviations between them: once (S, M)."""
    yield scored.mean.mean(0) - c * scored.mean.std(0, ddof=1)
