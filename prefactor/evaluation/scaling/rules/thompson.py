"""Thompson sampling: the best candidate of a world drawn from what the model holds possible."""

from collections.abc import Iterator

import numpy as np

from prefactor.evaluation.scaling.rules.scored import Scored
from prefactor.seeds import mixed_seed

DRAWS = 10  # for each seed; over thousands of sets their noise is far below that of users


def draws(scored: Scored, width: float) -> Iterator[np.ndarray]:
    """Draws (S, M) from N(mean, (width std)^2), DRAWS for each seed and always the same; 1 is Thompson's rule.

    Candidates are drawn apart, for a table of scores says nothing of what two rewards have in common.
    """
    assert scored.std is not None
    if not width:
        yield from scored.mean
        return
    stream = np.random.default_rng(mixed_seed(0, "scaling", "thompson"))
    for mean, std in zip(scored.mean, scored.std, strict=True):
        for _ in range(DRAWS):
            yield mean + width * std * stream.standard_normal(mean.shape)
