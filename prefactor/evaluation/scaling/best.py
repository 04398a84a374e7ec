"""The best of N by a score: what to expect of it, exactly, over all ways to draw N of M candidates."""

from collections.abc import Sequence
from math import comb

import numpy as np

from prefactor.errors import InputError
from prefactor.evaluation.scaling.ranking import Ranking

SIZES = (1, 2, 4, 8, 16, 32)


def sizes_of(candidates: int, sizes: Sequence[int] = SIZES) -> tuple[int, ...]:
    """Those of ``sizes`` that so many candidates allow."""
    return tuple(size for size in sizes if size <= candidates)


def place_weights(candidates: int, sizes: Sequence[int]) -> np.ndarray:
    """(M, J) probability that the best of N drawn of M is the one at each place: C(place, N-1)/C(M, N).

    Places count from the lowest, 0. InputError if more are drawn than there are.
    """
    for size in sizes:
        if not 1 <= size <= candidates:
            raise InputError(f"{size} of {candidates} candidates cannot be drawn: choose from 1 to {candidates}")
    return np.array([[comb(place, size - 1) / comb(candidates, size) for size in sizes] for place in range(candidates)])


def expected_best(
    values: np.ndarray, score: np.ndarray, sizes: Sequence[int], ranking: Ranking | None = None
) -> np.ndarray:
    """(S, M) values of candidates to (S, J): those of the candidate of greatest ``score`` (S, M) among N drawn.

    Exact: the expectation over all draws without replacement; candidates of equal score are as likely. ``ranking`` is
    the score's where it is known already.
    """
    ranking = ranking or Ranking.of(score)
    return ranking.in_order(values) @ place_weights(values.shape[1], sizes)  # (S,M)@(M,J)


def choice_shares(score: np.ndarray, drawn: int) -> np.ndarray:
    """(S, M) scores to (S, M) probabilities that a candidate is the best of ``drawn`` drawn without replacement."""
    ranking = Ranking.of(score)
    weights = place_weights(score.shape[1], [drawn])[:, 0]
    return ranking.by_candidate(ranking.shared(np.broadcast_to(weights, score.shape)))
