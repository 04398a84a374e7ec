"""Candidates that their source gives a gold utility itself, as by how near each comes to what the user wrote."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from prefactor.errors import InputError
from prefactor.evaluation.compared import compared_candidates, places
from prefactor.evaluation.scaling.pool import GOLD
from prefactor.evaluation.scaling.pools.asked import Asked, Limits, with_a_choice
from prefactor.parameters import nearest

OWNER, KIND = "user_id", "kind"  # columns that the table of candidates may have


def has_grades(prepared: Path) -> bool:
    """Whether the table of candidates has a column ``gold``."""
    return GOLD in _columns(prepared)


def graded_pool(prepared: Path, asked: Asked, limits: Limits) -> pd.DataFrame:
    """A user's sets are the candidates of the groups that the user is asked about.

    With a column ``user_id`` in the table of candidates each row is that user's; without one, whoever is asked has it.
    With a column ``kind`` only groups of ``limits.kinds`` count. A candidate whose gold is null is left out. Raises
    InputError for a kind that no candidate is of.
    """
    owned = [OWNER] if OWNER in _columns(prepared) else []
    by_kind = limits.kinds if KIND in _columns(prepared) else ()
    table = compared_candidates(prepared, GOLD, *owned, *([KIND] if by_kind else []))
    groups = asked.pairs.loc[asked.pairs["user_id"].isin(asked.user_ids), ["user_id", "group_id"]].drop_duplicates()
    if by_kind:
        table = _of_kinds(table, by_kind)
        groups = groups[groups["group_id"].isin(table["group_id"])]
    groups = groups[places(groups, "user_id", "group_id") < limits.queries]
    found = groups.merge(table[table[GOLD].notna()], on=[*owned, "group_id"])
    found = found[places(found, ["user_id", "group_id"], "text_id") < limits.candidates]
    return with_a_choice(found.rename(columns={"user_id": "user", "group_id": "query", "text_id": "candidate"}))


def _columns(prepared: Path) -> list[str]:
    """Of the table of candidates; none where there is no table."""
    path = prepared / "candidates.parquet"
    return pq.read_schema(path).names if path.is_file() else []


def _of_kinds(table: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    """The rows of groups of some kinds. InputError for one that there is none of."""
    known = table[KIND].dropna().unique()
    for kind in (kind for kind in kinds if kind not in known):
        raise InputError(f"diagnosis.kinds: no candidates of the kind {kind!r}{nearest(kind, known, 'kinds')}")
    return table[table[KIND].isin(kinds)]
