"""What the users of a synthetic source truly want, as its prepared tables keep it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

EVERYWHERE = "everywhere"  # the one context of a world whose people want the same everywhere


@dataclass(frozen=True)
class TrueTastes:
    """A vector over S standardised scores for every user, in each of C contexts.

    ``utilities`` maps user_id -> (C, S); for a user of two tastes that is their mean: nobody can know which spoke.
    ``context_of`` maps group_id -> context, a row of it.
    """

    utilities: Mapping[str, np.ndarray]
    context_of: Mapping[str, int]


def read_tastes(prepared: Path, source: Mapping[str, Any]) -> TrueTastes:
    """Of a prepared dataset whose ``source`` (source.json) knows the truth."""
    names = source.get("contexts", [EVERYWHERE])
    context_of = {group: names.index(name) for group, name in source.get("context_of", {}).items()}
    users = pq.read_table(prepared / "users.parquet").to_pandas()
    return TrueTastes(_utilities(users, len(names)), context_of)


def _utilities(users: pd.DataFrame, contexts: int) -> dict[str, np.ndarray]:
    """Each user's vectors (C, S)."""
    if "utilities" not in users:
        constant = np.stack(users["utility"].to_numpy())
        return {user: np.tile(row, (contexts, 1)) for user, row in zip(users["user_id"], constant, strict=True)}
    cells = np.stack([np.stack(list(rows)) for rows in users["utilities"]])  # (U, 2 C, S)
    mean = cells.reshape(len(cells), 2, contexts, -1).mean(1)
    return dict(zip(users["user_id"], mean, strict=True))
