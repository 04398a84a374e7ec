"""A world of known truth: the candidates of evaluation prompts, the same for all, with each user's true utility."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from prefactor.evaluation.ceiling import Truth
from prefactor.evaluation.scaling.pools.asked import Asked, Limits, least, places, with_a_choice


def world_pool(truth: Truth, prepared: Path, asked: Asked, limits: Limits) -> pd.DataFrame:
    """A user's sets are those prompts of the role's evaluation that nothing known of the user is about."""
    candidates = _candidates(prepared, asked, limits)
    known = truth.gather(candidates["text_id"].tolist())  # (N,S+1): scores, context
    utility = _utilities(truth, asked.user_ids, known[:, :-1].astype(np.float64), known[:, -1].astype(int))  # (U,N)
    users = len(asked.user_ids)
    pool = pd.DataFrame(
        {
            "user": np.repeat(np.array(asked.user_ids, dtype=object), len(candidates)),
            "query": np.tile(candidates["group_id"].to_numpy(object), users),
            "candidate": np.tile(candidates["text_id"].to_numpy(object), users),
            "gold": utility.ravel(),
        }
    )
    told = pd.MultiIndex.from_frame(asked.known)
    return with_a_choice(pool[~pd.MultiIndex.from_frame(pool[["user", "query"]]).isin(told)])


def _candidates(prepared: Path, asked: Asked, limits: Limits) -> pd.DataFrame:
    """Columns group_id and text_id, of so many prompts and candidates. One that nobody compared has no states."""
    table = pq.read_table(prepared / "candidates.parquet", columns=["group_id", "text_id"]).to_pandas()
    prompts = least(asked.pairs["group_id"], limits.queries)
    table = table[table["group_id"].isin(prompts) & table["text_id"].isin(asked.texts)]
    return table[places(table, "group_id", "text_id") < limits.candidates].reset_index(drop=True)


def _utilities(truth: Truth, user_ids: tuple[str, ...], scores: np.ndarray, context: np.ndarray) -> np.ndarray:
    """(U, N) of texts with scores (N, S) in their contexts (N,)."""
    tastes = np.stack([truth.utilities[user] for user in user_ids])  # (U,C,S)
    found = np.empty((len(tastes), len(scores)))
    for number in np.unique(context):
        here = context == number
        found[:, here] = tastes[:, number] @ scores[here].T  # (U,S)@(S,n) -> (U,n)
    return found
