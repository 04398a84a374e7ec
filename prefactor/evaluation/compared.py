"""Which candidates of a prepared dataset a model can read, and a fixed choice of a few: by the hash of their ids."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from prefactor.preferences import content_id


def compared_candidates(prepared: Path, *columns: str) -> pd.DataFrame:
    """Columns group_id, text_id and ``columns`` of the table of candidates, without those that nobody compared.

    They have no states.
    """
    table = pq.read_table(prepared / "candidates.parquet", columns=["group_id", "text_id", *columns]).to_pandas()
    texts = pq.read_table(prepared / "texts.parquet", columns=["text_id"])["text_id"].to_pylist()
    return table[table["text_id"].isin(texts)]


def least(names: Iterable[str], count: int) -> list[str]:
    """``count`` of the different names, by their hash: an arbitrary, fixed choice."""
    return sorted(dict.fromkeys(names), key=content_id)[:count]


def places(table: pd.DataFrame, group: str | list[str], name: str) -> pd.Series:
    """Each row's place among its group's rows, by the hash of column ``name``, from 0."""
    hashes = {value: content_id(value) for value in table[name].unique()}
    ordered = table.assign(hash=table[name].map(hashes)).sort_values("hash", kind="stable")
    return ordered.groupby(group, sort=False).cumcount().reindex(table.index)
