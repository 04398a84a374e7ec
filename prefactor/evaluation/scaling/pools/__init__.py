"""Where pools of candidates with a gold utility come from, one file for each kind of dataset that has one."""

from pathlib import Path

import pandas as pd

from prefactor.evaluation.ceiling import Truth, read_truth
from prefactor.evaluation.ratings_ceiling import Ratings
from prefactor.evaluation.scaling.pools.asked import Asked, Limits, read_asked
from prefactor.evaluation.scaling.pools.graded import graded_pool, has_grades
from prefactor.evaluation.scaling.pools.rated import rated_pool
from prefactor.evaluation.scaling.pools.world import world_pool

__all__ = ["Asked", "Limits", "find_pool", "read_asked"]


def find_pool(prepared: Path, asked: Asked, limits: Limits) -> pd.DataFrame | None:
    """The candidates of a prepared dataset, with what is asked of a split of it; None where nobody knows their worth.

    Rows of ``user``, ``query``, ``candidate`` (a text_id) and ``gold``; a user's sets have two candidates or more, and
    there may be none. Gold is the source's own where its candidates have such a column, else users' ratings of items,
    else the true utility of a world that is known.
    """
    if has_grades(prepared):
        return graded_pool(prepared, asked, limits)
    truth = read_truth(prepared)
    if isinstance(truth, Ratings):
        return rated_pool(truth, asked, limits)
    return world_pool(truth, prepared, asked, limits) if isinstance(truth, Truth) else None
