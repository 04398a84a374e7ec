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
    correlations, a standard deviation.
    """

    values: np.ndarray
    at: Mapping[str, slice]
    users: np.ndarray
    deviation: float

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
    columns, without, chance = [], [], []
    traits = frame.pool.traits_of(model)
    for seed in range(seeds):
        table = frame.table(model, seed, sizes)
        whole = frame.sums(table)
        own, at = _columns(whole, sizes, traits)
        columns.append(own)
        rows = [_columns(sums, sizes, traits)[0].mean(0) for sums in left_out(model, seed, table)]
        without.append(np.array(rows).reshape(len(rows), own.shape[1]))
        chance.append(_deviation(whole))
    users = np.mean(columns, axis=0)
    return Means(weighings.means(users, np.mean(without, axis=0)), at, users, float(np.mean(chance)))


def _columns(sums: Sums, sizes: Sequence[int], traits: Mapping[str, np.ndarray]) -> tuple[np.ndarray, dict[str, slice]]:
    """(U, C): the columns of all views, and cells of correlations: of kept users' sets, and of users."""
    found: Columns = {}
    for name in VIEWS:
        own = user_columns(view(sums.figures, name), sizes, traits if name == VIEWS[0] else None)
        found |= {f"{name}:{column}": values for column, values in own.items()}
    known = sums.cells.sum(1, keepdims=True)
    found["cells"] = found["all:kept"] * sums.cells / known.clip(1)
    cell = user_cells(found["all:rho"][:, 0])
    judged = found["all:seen"] - found["all:by_spread"]
    found["user_cells"] = judged * (cell[:, None] == np.arange(USER_CELLS))
    return stacked(found)


def _deviation(sums: Sums) -> float:
    """Root of the mean, over users with known sets, of the sampling variance of their mean correlation."""
    whole = sums.figures.sum(1)  # (U,F)
    known, chance = (whole[:, SINGLE.index(name)] for name in ("known", "chance"))
    return float(np.sqrt(np.mean((chance / known.clip(1) ** 2)[known > 0]))) if (known > 0).any() else np.nan
