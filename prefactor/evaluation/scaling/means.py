"""Means over users of a model's columns, on every weighing of users: what all its figures are functions of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from prefactor.evaluation.scaling.columns import VIEWS, Columns, stacked, user_columns, view
from prefactor.evaluation.scaling.noise import USER_CELLS, user_cells
from prefactor.evaluation.scaling.replicates import Weighings
from prefactor.evaluation.scaling.set_table import Frame, SetTable, Sums
from prefactor.evaluation.scaling.sums import SINGLE

LeftOut = Callable[[str, int, SetTable], Iterator[Sums]]  # model, training seed, all sets -> sums without each item


@dataclass(frozen=True)
class Means:
    """Means over users (B, C) of all weighings, and where each column lies, called ``<view>:<column>``.

    ``users`` (U, C) are the columns themselves, mean over training seeds. ``deviation`` is the noise of users' mean
    correlations, a standard deviation. ``correlations`` (R, S) are those of all sets where gold differs. ``single``:
    most users have one set alone.
    """

    values: np.ndarray
    at: Mapping[str, slice]
    users: np.ndarray
    deviation: float
    correlations: np.ndarray
    single: bool

    def __getitem__(self, name: str) -> np.ndarray:
        """(B, W) the means of a column's W figures."""
        return self.values[:, self.at[name]]

    def ratio(self, name: str, other: str) -> np.ndarray:
        """(B, W) one mean over another (B, 1): the mean over those users, or sets, that the other counts."""
        below = self[other]
        found = np.full(np.broadcast_shapes(self[name].shape, below.shape), np.nan)
        return np.divide(self[name], below, out=found, where=below > 1e-12)

    def of_users(self, name: str) -> np.ndarray:
        """(U, W) a column."""
        return self.users[:, self.at[name]]


def model_means(
    frame: Frame, model: str, seeds: int, sizes: Sequence[int], weighings: Weighings, left_out: LeftOut
) -> Means:
    """Of one model, mean over its training seeds; ``model`` "" is gold's own choice."""
    columns, without, chance, correlations = [], [], [], []
    traits = frame.pool.traits_of(model)
    for seed in range(seeds):
        table = frame.table(model, seed, sizes)
        whole = frame.sums(table)
        own, at = _columns(whole, sizes, traits, frame.single)
        columns.append(own)
        rows = [_columns(sums, sizes, traits, frame.single)[0].mean(0) for sums in left_out(model, seed, table)]
        without.append(np.array(rows).reshape(len(rows), own.shape[1]))
        chance.append(_deviation(whole))
        correlations.append(table.correlations())
    users = np.mean(columns, axis=0)
    values = weighings.means(users, np.mean(without, axis=0))
    return Means(values, at, users, float(np.mean(chance)), np.stack(correlations), frame.single)


def _columns(
    sums: Sums, sizes: Sequence[int], traits: Mapping[str, np.ndarray], single: bool
) -> tuple[np.ndarray, dict[str, slice]]:
    """(U, C): the columns of all views, and cells of correlations: of sets, and of users.

    Sets are those of kept users. Where a user has one alone, who is kept is known by that very correlation, and leaving
    others out would cut a hole into the noise: there they are all users' whose scores differ.
    """
    found: Columns = {}
    for name in VIEWS:
        own = user_columns(view(sums.figures, name), sizes, traits if name == VIEWS[0] else None)
        found |= {f"{name}:{column}": values for column, values in own.items()}
    known = sums.cells.sum(1, keepdims=True)
    judged = found["all:told"]
    found["cells"] = (judged if single else found["all:kept"]) * sums.cells / known.clip(1)
    cell = user_cells(found["all:rho"][:, 0])
    found["user_cells"] = judged * (cell[:, None] == np.arange(USER_CELLS))
    return stacked(found)


def _deviation(sums: Sums) -> float:
    """Root of the mean, over users with known sets, of the sampling variance of their mean correlation.

    That of a set is (1 - rho^2)^2 / (M - 1), rho the user's mean: a set's own strays too far.
    """
    whole = sums.figures.sum(1)  # (U,F)
    known, rho, chance = (whole[:, SINGLE.index(name)] for name in ("known", "rho", "chance"))
    variance = chance * np.square(1 - np.square(rho / known.clip(1))) / np.square(known.clip(1))
    return float(np.sqrt(variance[known > 0].mean())) if (known > 0).any() else np.nan
