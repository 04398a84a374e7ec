"""A world of known truth: the candidates of evaluation prompts, the same for all, with each user's true utility."""

from pathlib import Path

import numpy as np
import pandas as pd

from prefactor.evaluation.ceiling import Truth
from prefactor.evaluation.compared import compared_candidates, least, places
from prefactor.evaluation.scaling.pools.asked import Asked, Limits, with_a_choice


def world_pool(truth: Truth, prepared: Path, asked: Asked, limits: Limits) -> pd.DataFrame:
    """A user's sets are those prompts of the role's evaluation that nothing known of the user is about."""
    candidates = _candidates(prepared, asked, limits)
    utility = truth.utilities_of(asked.user_ids, candidates["text_id"].tolist())  # (U,N)
    users = len(asked.user_ids)
    pool = pd.DataFrame(
        {
            "user": np.repeat(np.array(asked.user_ids, dtype=object), len(candidates)),
            "query": np.tile(candidates["group_id"].to_numpy(object), users),
            "candidate": np.tile(candidates["text_id"].to_numpy(object), users),
            "gold": utility.ravel(),
        }
    )
    told = pd.MultiIndex.from_frame(asked.known[["user_id", "group_id"]].drop_duplicates())
    return with_a_choice(pool[~pd.MultiIndex.from_frame(pool[["user", "query"]]).isin(told)])


def _candidates(prepared: Path, asked: Asked, limits: Limits) -> pd.DataFrame:
    """Columns group_id and text_id, of so many prompts and candidates."""
    table = compared_candidates(prepared)
    table = table[table["group_id"].isin(least(asked.pairs["group_id"], limits.queries))]
    return table[places(table, "group_id", "text_id") < limits.candidates]
