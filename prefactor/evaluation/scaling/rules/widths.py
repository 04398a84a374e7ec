"""Intervals of a mean over users of their sets, over users and over what users share: queries, or else candidates."""

from collections.abc import Callable, Sequence

import numpy as np

from prefactor.evaluation.intervals import Interval
from prefactor.evaluation.items import Outcomes, over_users_and_items, with_items_left_out
from prefactor.evaluation.scaling.rules.gains import Sets
from prefactor.evaluation.scaling.shared import shared_by_users


def over_what_is_shared(sets: Sets, values: np.ndarray, without: Callable[[], Sequence[np.ndarray]]) -> list[Interval]:
    """(S, C) values of sets to C means over users, with intervals over users and what they share; [] if nothing.

    ``without`` gives (s, M, C) for each block, the values without each candidate; it is asked where users share
    candidates, and every set is left with two.
    """
    shared = shared_by_users(sets.user, sets.query, sets.candidate)
    if shared == "queries":
        return over_queries(sets, values)
    enough = min(candidate.shape[1] for candidate in sets.candidate) > 2
    return over_candidates(sets, values, without()) if enough and shared == "candidates" else []


def over_queries(sets: Sets, values: np.ndarray) -> list[Interval]:
    """(S, C) values of sets to C means over users, with intervals over users and queries."""
    items = sets.query[:, None]
    return [over_users_and_items([Outcomes(column, sets.user, items, "prompts")]) for column in values.T]


def over_candidates(sets: Sets, values: np.ndarray, without: Sequence[np.ndarray]) -> list[Interval]:
    """The same over users and candidates; ``without`` has (s, M, C) of each block, values without each candidate.

    Every candidate is left out of all sets in turn: ``with_items_left_out``.
    """
    means = sets.user_means(values)  # (U,C)
    names, number = np.unique(np.concatenate([block.ravel() for block in sets.candidate]), return_inverse=True)
    moved, first = [], 0
    for left in without:
        here = slice(first, first + len(left))
        first += len(left)
        moved.append(((left - values[here, None]) * sets.weight[here, None, None]).reshape(-1, values.shape[1]))
    change = np.concatenate(moved)  # (S*M,C)
    found = []
    for place, column in enumerate(means.T):
        value = float(column.mean())
        without_each = value + np.bincount(number, change[:, place], len(names))  # (I,)
        found.append(with_items_left_out(value, float(column.var(ddof=1)) / len(column), len(column), without_each))
    return found
