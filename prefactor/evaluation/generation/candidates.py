"""Sets of candidates: several responses to one prompt for one user, with rewards and gold utility of each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from prefactor.errors import InputError
from prefactor.evaluation.generation.cells import GROUP, USER
from prefactor.evaluation.generation.columns import require, require_numbers, require_once

REWARD = "reward_"  # begins the columns of rewards, by method: reward_bt, reward_vrf
SPREAD = "std_"  # begins the columns of rewards' standard deviations, which nothing here needs
SETS = [USER, GROUP]


@dataclass(frozen=True)
class CandidateSets:
    """S sets of M candidates each.

    keys     (S rows) what tells sets apart: user_id, group_id and perhaps more
    utility  (S, M) gold utility
    rewards  (S, M) by method
    scale    (S,) standard deviation of the user's utility over a pool of responses; 1 where none is known
    """

    keys: pd.DataFrame
    utility: np.ndarray
    rewards: Mapping[str, np.ndarray]
    scale: np.ndarray

    @property
    def size(self) -> int:
        """M."""
        return self.utility.shape[1]


def candidate_sets(table: pd.DataFrame, keys: Sequence[str] = SETS) -> list[CandidateSets]:
    """The sets of a table, those of equal size together, candidates in the order of ``sample``.

    The table has ``keys``, ``sample``, ``utility``, a column ``reward_<method>`` for each method, and perhaps
    ``scale``. InputError for a candidate that is there twice, or whose reward or utility is no number.
    """
    rewards = [column for column in table.columns if str(column).startswith(REWARD)]
    require(table, [*keys, "sample", "utility"], "candidates")
    require_once(table, [*keys, "sample"], "candidates")
    require_numbers(table, [*rewards, "utility", *(["scale"] if "scale" in table else [])], "candidates")
    if not rewards:
        raise InputError(f"the table of candidates has no rewards: add a column {REWARD}<method> for each method")
    ordered = table.sort_values([*keys, "sample"], ignore_index=True)
    size = ordered.groupby([*keys])["sample"].transform("size").to_numpy()
    return [_sets(ordered[size == count], [*keys], rewards, int(count)) for count in np.unique(size)]


def cells_of(sets: CandidateSets, named: Mapping[str, str], values: np.ndarray) -> pd.DataFrame:
    """(S,) values as cells with a method, setting and metric."""
    return sets.keys.assign(**named, value=values)


def _sets(rows: pd.DataFrame, keys: list[str], rewards: list[str], count: int) -> CandidateSets:
    def wide(column: str) -> np.ndarray:
        return rows[column].to_numpy(np.float64).reshape(-1, count)

    scale = wide("scale")[:, 0] if "scale" in rows else np.ones(len(rows) // count)
    first = rows[keys].iloc[::count].reset_index(drop=True)
    return CandidateSets(first, wide("utility"), {name.removeprefix(REWARD): wide(name) for name in rewards}, scale)


def each(sets: Sequence[CandidateSets], sizes: Sequence[int]) -> Iterator[tuple[CandidateSets, int]]:
    """Every set of sets with every number of candidates to draw that the smallest of them has."""
    least = min(found.size for found in sets)
    for found in sets:
        yield from ((found, size) for size in sizes if size <= least)
