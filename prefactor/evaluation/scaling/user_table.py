"""What each user is to a model."""

import numpy as np
import pandas as pd

from prefactor.evaluation.scaling.means import Means
from prefactor.evaluation.scaling.pool import Pool


def user_table(model: str, means: Means, pool: Pool) -> pd.DataFrame:
    """A row per user, mean over training seeds; correlations are NaN where gold tells nothing apart."""
    seen = means.of_users("all:seen")[:, 0] > 0
    columns = {
        "correlation": means.of_users("all:rho")[:, 0],
        "rank_correlation": means.of_users("all:rank")[:, 0],
        "collapsed": means.of_users("all:collapsed")[:, 0],
    }
    columns = {name: np.where(seen, values, np.nan) for name, values in columns.items()}
    sets = np.bincount(np.concatenate([block.user for block in pool.blocks]), minlength=len(pool.user_ids))
    columns |= {"gold_spread": means.of_users("all:spread")[:, 0], "gain": means.of_users("all:gain")[:, -1]}
    return pd.DataFrame({"model": model, "user": pool.user_ids, **columns, "queries": sets})
