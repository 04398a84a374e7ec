"""Methods against BT, user by user: paired differences, whose interval the spread between users does not widen."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from prefactor.evaluation.intervals import Interval, combined
from prefactor.evaluation.results import ALL_SEEDS, in_schema, setting_text

METRIC = "accuracy_minus_bt"
CONDITION = ["split", "shots"]


def differences_from_bt(
    method: pd.DataFrame, bt: pd.DataFrame, identity: Mapping[str, str], against: str
) -> pd.DataFrame:
    """Rows of ``accuracy_minus_bt``, seed ``all``, for every (split, shots) that both were judged on, and overall.

    ``method`` and ``bt`` are per-user tables (``results.per_user_table``); each user's accuracy is first averaged over
    seeds. ``against`` names BT's variant in the rows' setting.
    """
    both = _by_user(method).merge(_by_user(bt)["accuracy"].rename("accuracy_bt"), left_index=True, right_index=True)
    both = both.reset_index()
    both["difference"] = both["accuracy"] - both["accuracy_bt"]
    rows = [_row(split, shots, [group]) for (split, shots), group in both.groupby(CONDITION, dropna=False, sort=True)]
    whole = [both[(both["split"] == split) & both["shots"].isna()] for split in ("seen", "unseen")]
    if all(len(group) for group in whole):
        rows.append(_row("overall", None, whole))
    setting = {**identity, "setting": setting_text({"against": against})}
    return in_schema(pd.DataFrame([{**row, **setting} for row in rows]))


def _by_user(figures: pd.DataFrame) -> pd.DataFrame:
    return figures.groupby([*CONDITION, "user_id"], dropna=False)[["accuracy", "pairs"]].mean()


def _row(split: str, shots: object, groups: list[pd.DataFrame]) -> dict[str, object]:
    interval: Interval = combined([group["difference"].to_numpy(np.float64) for group in groups])
    known = [group[group["difference"].notna()] for group in groups]
    return {
        "split": split,
        "shots": shots,
        "metric": METRIC,
        "seed": ALL_SEEDS,
        "value": interval.value,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "n_users": sum(len(group) for group in known),
        "n_pairs": int(sum(group["pairs"].sum() for group in known)),
    }
