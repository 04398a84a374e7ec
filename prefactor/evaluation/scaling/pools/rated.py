"""Items that people rated: those of a user's evaluation are one set of candidates, the rating is the gold utility."""

import numpy as np
import pandas as pd

from prefactor.evaluation.compared import least
from prefactor.evaluation.ratings_ceiling import Ratings
from prefactor.evaluation.scaling.pools.asked import Asked, Limits, with_a_choice

QUERY = "items"  # the one query there is: which item?


def rated_pool(ratings: Ratings, asked: Asked, limits: Limits) -> pd.DataFrame:
    """Candidates are items of the role's evaluation pairs, the same for all users; a user's are those they rated.

    Items that a user is known by are no candidates of theirs, where the split's rule allows any.
    """
    items = least([*asked.pairs["chosen"], *asked.pairs["rejected"]], limits.candidates)
    columns = [ratings.columns[item] for item in items]
    rating = ratings.of(asked.user_ids).numpy()[:, columns]  # (U,M)
    user, item = np.nonzero(~np.isnan(rating))
    names = {"user": np.array(asked.user_ids, dtype=object)[user], "candidate": np.array(items, dtype=object)[item]}
    pool = pd.DataFrame({**names, "query": QUERY, "gold": rating[user, item]})
    told = pd.MultiIndex.from_arrays(
        [np.tile(asked.known["user_id"], 2), np.concatenate([asked.known["chosen"], asked.known["rejected"]])]
    )
    return with_a_choice(pool[~pd.MultiIndex.from_frame(pool[["user", "candidate"]]).isin(told)])
