"""Were the true attributes found? Precision at k of Drift's and EXACT's selections, where the truth is known."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from torch import Tensor

from prefactor.decoding.exact.memory import Memory

RECOVERED = (1, 2, 3)  # k of precision at k


def recovered(
    weights: Tensor, memory: Memory, truth: np.ndarray, user_ids: Sequence[str], sizes: Sequence[int] = RECOVERED
) -> pd.DataFrame:
    """The table for ``precision_rows``: Drift's weights (U, A) and EXACT's memory, against true shares (U, A).

    EXACT names the attributes that it remembers of a user most often.
    """
    scores = {"drift": weights.numpy(), "exact": memory.selected(truth.shape[1])}
    rows = []
    for k in sizes:
        chance = chance_at(truth, k)
        for method, own in scores.items():
            found = {"precision": precision_at(own, truth, k), "chance": chance}
            rows.append(pd.DataFrame({"user_id": list(user_ids), "method": method, "k": k, **found}))
    return pd.concat(rows, ignore_index=True)


def precision_at(scores: np.ndarray, truth: np.ndarray, k: int) -> np.ndarray:
    """(U,) the share of k that are among the user's true attributes, in [0, 1].

    Named are the k largest of ``scores`` (U, A), of equals the first; true the k largest of ``truth`` (U, A), of those
    that tie for the last place all; both only if positive. Who names fewer than k is still judged by k, and who names
    none has 0.
    """
    return (_named(scores, k) & true_attributes(truth, k)).sum(1) / k


def chance_at(truth: np.ndarray, k: int) -> np.ndarray:
    """(U,) what ``precision_at`` is on average for k attributes named at random, or for all where there are fewer."""
    attributes = truth.shape[1]
    return true_attributes(truth, k).sum(1) * min(k, attributes) / (k * attributes)


def true_attributes(truth: np.ndarray, k: int) -> np.ndarray:
    """(U, A) True at the k largest of ``truth`` that are positive, and at those that tie with the last of them."""
    least = np.sort(truth, axis=1)[:, -min(k, truth.shape[1])]
    return (truth >= least[:, None]) & (truth > 0)


def _named(scores: np.ndarray, k: int) -> np.ndarray:
    """(U, A) True at the k largest that are positive; of equals the first."""
    rank = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
    return (rank < k) & (scores > 0)
