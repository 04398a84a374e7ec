"""The order of candidates by a score, and what candidates of equal score share."""

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Ranking:
    """S sets of M candidates each, from the lowest score to the highest; one sort serves everything asked of it.

    order  (S, M) the candidate at each place
    equal  (S * M,) number of the group of equal scores that each place is of; None where all scores differ
    """

    order: np.ndarray
    equal: np.ndarray | None

    @classmethod
    def of(cls, score: np.ndarray) -> Self:
        """Of scores (S, M)."""
        order = np.argsort(score, axis=1)
        ordered = np.take_along_axis(score, order, 1)
        first = np.ones(score.shape, dtype=bool)
        first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        return cls(order, None if first.all() else first.ravel().cumsum() - 1)

    def in_order(self, values: np.ndarray) -> np.ndarray:
        """(S, M) values of candidates, by place; candidates of equal score have their mean."""
        return self.shared(np.take_along_axis(values, self.order, 1))

    def shared(self, placed: np.ndarray) -> np.ndarray:
        """(S, M) values by place, the mean over places of equal score."""
        if self.equal is None:
            return placed
        return (np.bincount(self.equal, placed.ravel()) / np.bincount(self.equal))[self.equal].reshape(placed.shape)

    def by_candidate(self, placed: np.ndarray) -> np.ndarray:
        """(S, M) values by place to values by candidate."""
        found = np.empty_like(placed)
        np.put_along_axis(found, self.order, placed, 1)
        return found

    def ranks(self) -> np.ndarray:
        """(S, M) each candidate's place from 0, that of equals their mean."""
        return self.by_candidate(self.shared(np.broadcast_to(np.arange(float(self.order.shape[1])), self.order.shape)))
