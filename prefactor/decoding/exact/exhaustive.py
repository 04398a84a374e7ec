"""How near greedy selection comes to the best subset: EXACT's Table 7, for a library small enough to try them all."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from prefactor.decoding.exact.greedy import select_each
from prefactor.decoding.exact.objective import NONE, Objective

ROWS_PER_CALL = 100_000  # pairs x subsets that one call of the likelihood is asked about


@dataclass(frozen=True)
class Approximation:
    """F of Eq. (12) in nats, what attributes add over none, of N pairs.

    greedy  of the subset that greedy selection finds
    best    of the best of all subsets
    """

    greedy: np.ndarray
    best: np.ndarray


def approximation(objective: Objective, pairs: np.ndarray, k: int, positive: bool = False) -> Approximation:
    """Greedy against exhaustive selection for each of N pairs (N, 2), with subsets of k attributes.

    With ``positive`` both may take fewer than k.
    """
    found = select_each(objective, pairs, k, positive)
    return Approximation(found.gain(), best_subsets(objective, pairs, k, positive)[1] - found.bare)


def best_subsets(objective: Objective, pairs: np.ndarray, k: int, fewer: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The best of all subsets of ``k`` attributes, or of up to k with ``fewer``, for each of N pairs (N, 2).

    Returns subsets (N, k), padded with -1, and the objective (N,) in nats. Of equally good subsets the one with fewer
    attributes, then of lower numbers. InputError if the library has fewer than ``k``.
    """
    objective.check_size(k)
    subsets, value = np.full((len(pairs), k), NONE), np.full(len(pairs), -np.inf)
    for tried in _blocks(objective.attributes, k, fewer, max(ROWS_PER_CALL // max(len(pairs), 1), 1)):
        asked = np.tile(tried, (len(pairs), 1))  # (N*S,k)
        table = objective(np.repeat(pairs, len(tried), axis=0), asked).reshape(len(pairs), len(tried))
        best = table.argmax(1)
        better = (found := table.max(1)) > value
        subsets[better], value[better] = tried[best[better]], found[better]
    return subsets, value


def _blocks(attributes: int, k: int, fewer: bool, most: int) -> Iterator[np.ndarray]:
    """All subsets (S, k), padded with -1, at most ``most`` at a time."""
    sizes = range(k + 1) if fewer else [k]
    every = [[*chosen, *[NONE] * (k - size)] for size in sizes for chosen in combinations(range(attributes), size)]
    for first in range(0, len(every), most):
        yield np.array(every[first : first + most])
