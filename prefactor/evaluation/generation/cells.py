"""One figure of one (user, prompt), and the result rows that many of them make.

A figure is averaged over a user's prompts, then over users. Users share prompts, so its interval is given over users
and, by the closed form of ``evaluation.items``, over users and prompts.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from prefactor.errors import InputError
from prefactor.evaluation.generation.columns import require
from prefactor.evaluation.generation.settings import joined_setting
from prefactor.evaluation.intervals import Interval, over_users
from prefactor.evaluation.items import Outcomes, interval_columns
from prefactor.evaluation.results import ALL_SEEDS, in_schema

USER, GROUP = "user_id", "group_id"
NAMED = ["method", "setting", "metric"]
CELL = [USER, GROUP, *NAMED, "value"]
SPLIT = "unseen"  # texts are written for people that no reward model was trained on
PAIRED = [USER, GROUP, "metric"]


def result_rows_of(
    cells: pd.DataFrame, identity: Mapping[str, str], shots: int | None = None, split: str = SPLIT
) -> pd.DataFrame:
    """Rows of the results' schema, one for each (method, setting, metric) of ``cells``, which have the columns CELL.

    A value of NaN does not count. Where ``group_id`` is null, prompts are not shared and the interval is over users
    alone. ``identity`` holds what all rows share; its setting is joined with each cell's. ``shots``: |C| of the users.
    """
    require(cells, CELL, "cells")
    known = cells[cells["value"].notna()]
    prompt = pd.Series(pd.factorize(known[GROUP])[0], index=known.index)  # -1 where there is none
    shared = {"split": split, "shots": shots, "seed": ALL_SEEDS}
    rows = [
        {
            **identity,
            **shared,
            "method": method,
            "setting": joined_setting(identity.get("setting", ""), setting),
            "metric": metric,
            **_figures(group, prompt.loc[group.index].to_numpy()),
        }
        for (method, setting, metric), group in known.groupby(NAMED, sort=False)
    ]
    return in_schema(pd.DataFrame(rows))


def minus(cells: pd.DataFrame, reference: str, same: Sequence[str] = PAIRED) -> pd.DataFrame:
    """Every other method's value less the reference's, as the metric ``<metric>_minus_<reference>``.

    Cells are paired that agree in ``same``: their user, prompt and metric, or also their setting. Those without a
    partner are left out. InputError if the reference has several cells to choose from.
    """
    mine, others = cells[cells["method"] == reference], cells[cells["method"] != reference]
    if mine.duplicated([*same]).any():
        raise InputError(f"{reference} has several settings: pass the cells of one, or pair by setting too")
    both = others.merge(mine[[*same, "value"]].rename(columns={"value": "other"}), on=[*same])
    metric = both["metric"] + f"_minus_{reference}"
    return both.assign(value=both["value"] - both["other"], metric=metric)[CELL]


def count_row(
    identity: Mapping[str, str], name: Mapping[str, str], asked: pd.DataFrame, count: int
) -> dict[str, object]:
    """A row that counts instead of estimating: ``count`` of the rows ``asked``, without an interval.

    ``name`` is its method, metric and perhaps setting.
    """
    return {
        **identity,
        "split": SPLIT,
        "seed": ALL_SEEDS,
        **name,
        "setting": joined_setting(identity.get("setting", ""), name.get("setting", "")),
        "value": float(count),
        "n_users": asked[USER].nunique(),
        "n_pairs": len(asked),
        "n_items": asked[GROUP].nunique(),
    }


def _figures(group: pd.DataFrame, prompt: np.ndarray) -> dict[str, object]:
    value = group["value"].to_numpy(np.float64)
    user, _ = pd.factorize(group[USER])
    means = np.bincount(user, value) / np.bincount(user)
    shared = Outcomes(value, user, prompt[:, None], "prompts") if (prompt >= 0).all() else None
    interval = over_users(means) if len(means) > 1 else Interval(float(means.mean()), np.nan, np.nan)
    return {**interval.columns(), "n_users": len(means), "n_pairs": len(value), **interval_columns([shared])}
