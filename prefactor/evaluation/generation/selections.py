"""What greedy selection reaches beside the best of all subsets, on each user's first known pairs."""

import numpy as np
import pandas as pd

from prefactor.cohorts import Cohort
from prefactor.decoding.exact.exhaustive import approximation
from prefactor.decoding.exact.objective import Objective


def selections(objective: Objective, cohort: Cohort, k: int, pairs: int) -> pd.DataFrame:
    """The table for ``exhaustive_rows``, of at most ``pairs`` pairs, as many of each user as there is room for."""
    tried = first_pairs(cohort, max(1, pairs // len(cohort)))[:pairs]
    found = approximation(objective, tried[:, 1:], k)
    ids = [cohort.user_ids[user] for user in tried[:, 0]]
    table = pd.DataFrame({"user_id": ids, "method": "exact", "setting": f"k={k}"})
    return table.assign(greedy=found.greedy, best=found.best)


def first_pairs(cohort: Cohort, each: int) -> np.ndarray:
    """(N, 3) user, and text rows of y+ and y-, of each user's first ``each`` known pairs."""
    known = cohort.known(each)
    text = known.responses.text.numpy()
    return np.stack([known.segment.numpy(), text[known.chosen.numpy()], text[known.rejected.numpy()]], 1)
