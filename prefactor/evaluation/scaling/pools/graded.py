"""Candidates that their source gives a gold utility itself, as by how near each comes to what the user wrote."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from prefactor.evaluation.scaling.pool import GOLD
from prefactor.evaluation.scaling.pools.asked import Asked, Limits, places, with_a_choice


def has_grades(prepared: Path) -> bool:
    """Whether the table of candidates has a column ``gold``."""
    path = prepared / "candidates.parquet"
    return path.is_file() and GOLD in pq.read_schema(path).names


def graded_pool(prepared: Path, asked: Asked, limits: Limits) -> pd.DataFrame:
    """A user's sets are the candidates of the groups that the user is asked about.

    With a column ``user_id`` in the table of candidates each row is that user's; without one, whoever is asked has it.
    A candidate whose gold is null is left out.
    """
    path = prepared / "candidates.parquet"
    owned = ["user_id"] if "user_id" in pq.read_schema(path).names else []
    table = pq.read_table(path, columns=["group_id", "text_id", GOLD, *owned]).to_pandas()
    table = table[table["text_id"].isin(asked.texts) & table[GOLD].notna()]
    groups = asked.pairs.loc[asked.pairs["user_id"].isin(asked.user_ids), ["user_id", "group_id"]].drop_duplicates()
    groups = groups[places(groups, "user_id", "group_id") < limits.queries]
    found = groups.merge(table, on=[*owned, "group_id"])
    found = found[places(found, ["user_id", "group_id"], "text_id") < limits.candidates]
    return with_a_choice(found.rename(columns={"user_id": "user", "group_id": "query", "text_id": "candidate"}))
