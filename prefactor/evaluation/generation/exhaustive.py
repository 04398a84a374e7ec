"""Greedy selection of attributes beside the best subset of as many, found by trying all (EXACT, Table 7)."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from prefactor.errors import InputError
from prefactor.evaluation.generation.cells import CELL, GROUP, SPLIT, USER, result_rows_of
from prefactor.evaluation.generation.columns import require
from prefactor.evaluation.generation.settings import joined_setting
from prefactor.evaluation.intervals import ENDS, resampled_means
from prefactor.evaluation.items import USERS
from prefactor.evaluation.results import ALL_SEEDS, in_schema

GREEDY, BEST = "greedy_objective", "exhaustive_objective"  # nats a pair
GAP, SAME, RATIO = "greedy_gap", "greedy_same", "greedy_ratio"
ROUNDING = 1e-6  # nats, by which sums in another order may differ


def exhaustive_rows(selections: pd.DataFrame, identity: Mapping[str, str]) -> pd.DataFrame:
    """Result rows by method and setting of what greedy selection reaches, and what can be reached.

    ``selections``: user_id, method, setting, ``greedy`` and ``best``, EXACT's objective F (Eq. 12) of either subset in
    nats, one row for each pair that was tried, or the means of each user; NaN where there is none. Metrics: GREEDY,
    BEST, their GAP and the share where they are the SAME, means over users; RATIO, that of the two means as published,
    with an interval over users. InputError where greedy is above the best: the two were not computed alike.
    """
    require(selections, [USER, "method", "setting", "greedy", "best"], "selections")
    selections = selections.dropna(subset=["greedy", "best"])
    gap = selections["best"] - selections["greedy"]
    if (gap < -ROUNDING).any():
        raise InputError(f"greedy selection is {-gap.min():.3g} nats above the best subset: search the same library")
    values = {GREEDY: selections["greedy"], BEST: selections["best"], GAP: gap, SAME: (gap <= ROUNDING).astype(float)}
    named = selections.assign(**{GROUP: None})
    cells = pd.concat([named.assign(metric=metric, value=value)[CELL] for metric, value in values.items()])
    figures = result_rows_of(cells.reset_index(drop=True), identity)
    return in_schema(pd.concat([figures, pd.DataFrame([*_ratios(selections, identity)])], ignore_index=True))


def _ratios(selections: pd.DataFrame, identity: Mapping[str, str]) -> Iterator[dict[str, object]]:
    for (method, setting), rows in selections.groupby(["method", "setting"], sort=False):
        yield {
            **identity,
            **{"method": method, "setting": joined_setting(identity.get("setting", ""), setting)},
            **{"split": SPLIT, "seed": ALL_SEEDS, "metric": RATIO, "resampled": USERS},
            **dict(zip(("value", "ci_low", "ci_high"), _ratio(rows), strict=True)),
            **{"n_users": rows[USER].nunique(), "n_pairs": len(rows)},
        }


def _ratio(rows: pd.DataFrame) -> tuple[float, float, float]:
    """Mean over users of greedy by that of the best, with its interval; NaN where the best may not be positive."""
    means = rows.groupby(USER)[["greedy", "best"]].mean().to_numpy(np.float64)  # (U,2)
    greedy, best = means.mean(0)
    (drawn,) = resampled_means([means])  # (R,2)
    if not best > 0:
        return np.nan, np.nan, np.nan
    if len(means) < 2 or (drawn[:, 1] <= 0).any():
        return float(greedy / best), np.nan, np.nan
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], ENDS)
    return float(greedy / best), float(low), float(high)
