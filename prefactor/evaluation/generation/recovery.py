"""Drift's and EXACT's selections beside the truth: the table that precision at k is estimated from."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from prefactor.decoding.drift.recovery import chance_at, precision_at
from prefactor.decoding.exact.memory import Memory
from prefactor.decoding.exact.recovery import by_chance, precision

RECOVERED = (1, 2, 3)  # k of precision at k


def recovered(
    weights: Tensor, memory: Memory, truth: np.ndarray, user_ids: Sequence[str], sizes: Sequence[int] = RECOVERED
) -> pd.DataFrame:
    """The table for ``precision_rows``: Drift's weights (U, A) and EXACT's memory, against true shares (U, A)."""
    known, rows = torch.from_numpy(truth), []
    for k in sizes:
        drift = precision_at(weights, known, k).numpy(), chance_at(known, k).numpy()
        exact = precision(memory.subsets, memory.segment, truth, k), by_chance(truth, k)
        for method, (own, blind) in (("drift", drift), ("exact", exact)):
            found = {"user_id": list(user_ids), "method": method, "k": k, "precision": own, "chance": blind}
            rows.append(pd.DataFrame(found))
    return pd.concat(rows, ignore_index=True)
