"""Drift's reading of its first users, attribute by attribute (its Figure 6): the table ``attributes``."""

from collections.abc import Sequence

import pandas as pd

from prefactor.decoding.drift import Tastes
from prefactor.evaluation.generation.true_shares import TrueShares

CHARTED = 6  # people


def attribute_chart(
    tastes: Tastes, attributes: Sequence[str], truth: TrueShares | None, users: int = CHARTED
) -> pd.DataFrame:
    """W - L and weight of each attribute for the first users, who are numbered from 1; ``true`` None if unknown."""
    rows = [
        {
            "user": user + 1,
            "attribute": name,
            "difference": float(tastes.preference[user, number]),
            "weight": float(tastes.weights[user, number]),
            "true": None if truth is None else bool(truth.theirs[user, number]),
        }
        for user in range(min(users, len(tastes.weights)))
        for number, name in enumerate(attributes)
    ]
    return pd.DataFrame(rows)
