"""Greedy selection of attributes, EXACT's Algorithm 1: for all pairs at once, or one subset per user."""

from dataclasses import dataclass

import numpy as np

from prefactor.decoding.exact.objective import NONE, Objective


@dataclass(frozen=True)
class Selection:
    """Attributes of G pairs, or users, in the order in which they were chosen.

    subsets     (G, k) numbers of attributes, -1 after the last
    objectives  (G, k) the objective in nats with the first 1 .. k of them, NaN after the last
    bare        (G,) the objective without attributes; NaN for a user without pairs
    """

    subsets: np.ndarray
    objectives: np.ndarray
    bare: np.ndarray

    def final(self) -> np.ndarray:
        """(G,) the objective in nats with the whole subset."""
        held = np.column_stack([self.bare, self.objectives])  # (G,k+1)
        return np.take_along_axis(held, (self.subsets != NONE).sum(1, keepdims=True), 1)[:, 0]

    def gain(self) -> np.ndarray:
        """(G,) what the subset adds over no attributes, in nats: F of Eq. (12)."""
        return self.final() - self.bare

    def rows(self, index: np.ndarray) -> "Selection":
        """The selection of some of the G."""
        return Selection(self.subsets[index], self.objectives[index], self.bare[index])


def select_each(objective: Objective, pairs: np.ndarray, k: int, positive: bool = False) -> Selection:
    """A subset for each of N pairs (N, 2): exactly ``k`` attributes, each the one that raises the objective most.

    Each step asks the likelihood once, about all pairs with all their remaining attributes; the first asks about no
    attributes too. Of equally good attributes the lowest number is taken. ``positive`` stops a pair where no attribute
    has a positive marginal gain. InputError if the library has fewer than ``k``.
    """
    distinct, number = np.unique(pairs, axis=0, return_inverse=True)
    found = _greedy(objective, distinct, np.arange(len(distinct)), len(distinct), k, positive)
    return found.rows(number.reshape(-1))


def select_together(
    objective: Objective, pairs: np.ndarray, segment: np.ndarray, users: int, k: int, positive: bool = False
) -> Selection:
    """One subset for each of U users, by the mean objective over their pairs: Eq. (12) and (13), greedily.

    pairs    (N, 2) text rows of y+ and y-
    segment  (N,) the user of each; one without pairs gets no attributes

    Otherwise as :func:`select_each`, for all users at once.
    """
    return _greedy(objective, pairs, segment, users, k, positive)


def _greedy(
    objective: Objective, pairs: np.ndarray, owner: np.ndarray, owners: int, k: int, positive: bool
) -> Selection:
    """``owner`` (N,) says whose subset, of G, a pair's objective is averaged for."""
    objective.check_size(k)
    subsets, objectives = np.full((owners, k), NONE), np.full((owners, k), np.nan)
    open_to = np.ones((owners, objective.attributes + 1), dtype=bool)  # the last column adds nothing: asked about once
    active = np.bincount(owner, minlength=owners) > 0
    bare = current = np.full(owners, np.nan)
    for step in range(k):
        table = _tried(objective, pairs, owner, subsets, step, open_to & active[:, None])  # (G,K+1)
        if step == 0:
            bare = current = table[:, -1]
            open_to[:, -1] = False
        best, value = _highest(table[:, :-1])
        active &= (value > current) if positive else True
        current = value
        subsets[active, step], objectives[active, step] = best[active], value[active]
        open_to[active, best[active]] = False
    return Selection(subsets, objectives, bare)


def _tried(
    objective: Objective, pairs: np.ndarray, owner: np.ndarray, subsets: np.ndarray, step: int, open_to: np.ndarray
) -> np.ndarray:
    """(G, K + 1) mean objective with one more attribute where ``open_to`` allows it, NaN elsewhere; one call."""
    row, added = np.nonzero(open_to[owner])  # (R,) pairs and what is added to their subset
    table = np.full(open_to.shape, np.nan)
    if not len(row):
        return table
    asked = subsets[owner[row]]  # (R,k)
    asked[:, step] = np.where(added == open_to.shape[1] - 1, NONE, added)
    cell = owner[row] * open_to.shape[1] + added
    total = np.bincount(cell, objective(pairs[row], asked), table.size).reshape(table.shape)
    return np.divide(total, np.bincount(owner, minlength=len(table))[:, None], out=table, where=open_to)


def _highest(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Column (G,) of each row's highest value, the first of equals, and the value, NaN in a row without values."""
    best = np.where(np.isnan(table), -np.inf, table).argmax(1)
    return best, np.take_along_axis(table, best[:, None], 1)[:, 0]
