"""What a split asks of users: the pairs that they are judged on, and those that are known of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from prefactor.cohorts import KNOWN_PART
from prefactor.evaluation.scaling.pool import GOLD, KEYS

PART_ASKED = {"unseen": "evaluation", "validation": "validation"}
POOL = [*KEYS, GOLD]


@dataclass(frozen=True)
class Limits:
    """How much of a pool is taken: queries of a user, candidates of a query; drawn by the hash of their ids.

    kinds  of queries, where a source tells them apart; all where none is named
    """

    queries: int
    candidates: int
    kinds: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.queries < 1:
            raise ValueError(f"queries must be at least 1, got {self.queries}")
        if self.candidates < 2:
            raise ValueError(f"candidates must be at least 2, of one there is nothing to choose, got {self.candidates}")


@dataclass(frozen=True)
class Asked:
    """Of some users: ``pairs`` that are asked, of everyone in their role, and ``known`` ones, of theirs alone.

    user_ids  (U,) whose candidates are wanted
    pairs     columns user_id, group_id, chosen, rejected
    known     columns user_id, group_id, chosen, rejected
    """

    user_ids: tuple[str, ...]
    pairs: pd.DataFrame
    known: pd.DataFrame


def read_asked(split: Path, role: str, user_ids: tuple[str, ...]) -> Asked:
    """Of users of a role: ``unseen`` users' evaluation pairs, ``validation`` users' validation pairs."""
    columns = ["user_id", "group_id", "part", "chosen", "rejected"]
    table = pq.read_table(split / "pairs.parquet", columns=columns, filters=[("role", "=", role)]).to_pandas()
    part = table.pop("part")
    known = table[(part == KNOWN_PART[role]) & table["user_id"].isin(user_ids)]
    return Asked(user_ids, table[part == PART_ASKED[role]], known)


def with_a_choice(pool: pd.DataFrame) -> pd.DataFrame:
    """The rows whose user and query have two candidates or more, in the order of their names; columns POOL."""
    size = pool.groupby(["user", "query"], sort=False)["candidate"].transform("size")
    kept = pool.loc[np.asarray(size > 1), POOL].astype({GOLD: np.float64})
    return kept.sort_values(KEYS, kind="stable", ignore_index=True)
