"""Texts that are hardly answers: empty ones, and those that were cut off at the most tokens allowed."""

from collections.abc import Iterator, Mapping

import pandas as pd

from prefactor.evaluation.generation.cells import GROUP, USER, count_row
from prefactor.evaluation.generation.columns import require
from prefactor.evaluation.results import in_schema

EMPTY, UNFINISHED = "empty", "unfinished"


def defect_rows(texts: pd.DataFrame, identity: Mapping[str, str]) -> pd.DataFrame:
    """Result rows EMPTY and UNFINISHED, numbers of texts by method; columns user_id, group_id, method, response,
    finished."""
    require(texts, [USER, GROUP, "method", "response", "finished"], "texts")
    return in_schema(pd.DataFrame([*_counted(texts, identity)]))


def _counted(texts: pd.DataFrame, identity: Mapping[str, str]) -> Iterator[dict[str, object]]:
    empty = texts["response"].fillna("").str.strip() == ""
    found = {EMPTY: empty, UNFINISHED: ~texts["finished"].astype(bool)}
    for method, rows in texts.groupby("method", sort=False):
        for metric, defect in found.items():
            yield count_row(identity, {"method": method, "metric": metric}, rows, int(defect.loc[rows.index].sum()))
