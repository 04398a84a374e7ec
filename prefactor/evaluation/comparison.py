"""Methods against a reference, user by user: paired differences, whose interval the users' spread does not widen.

A reference is the one BT or the one VRF for all other methods, and for a variant its base (``evaluation.variants``).
Differences from bases have a metric of their own: a method's variants need not all be of one base.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from prefactor.evaluation.intervals import Interval, combined
from prefactor.evaluation.items import Condition, Outcomes, interval_columns
from prefactor.evaluation.results import ALL_SEEDS, in_schema, setting_text

CONDITION = ["split", "shots"]
DIFFERENCES = "accuracy_minus_"  # what the metrics of paired differences begin with
BASE = "base"  # stands for the method's name in the metric of differences from what a variant is a variant of


def metric_name(reference: str) -> str:
    """The metric of differences from a method, or from BASE: ``bt`` -> ``accuracy_minus_bt``."""
    return f"{DIFFERENCES}{reference}"


def paired_differences(
    method: pd.DataFrame,
    reference: pd.DataFrame,
    identity: Mapping[str, str],
    name: str,
    against: str,
    pairs: Mapping[Condition, Outcomes] | None = None,
) -> pd.DataFrame:
    """Rows of ``accuracy_minus_<name>``, seed ``all``, for every (split, shots) both were judged on, and overall.

    ``method`` and ``reference`` are per-user tables (``results.per_user_table``); each user's accuracy is first
    averaged over seeds. ``name`` is the reference's method or BASE, ``against`` its variant, for the rows' setting.
    ``pairs`` are the differences pair by pair (``items.differences``): with them, intervals over users and items too.
    """
    other = _by_user(reference)["accuracy"].rename("accuracy_other")
    both = _by_user(method).merge(other, left_index=True, right_index=True).reset_index()
    both["difference"] = both["accuracy"] - both["accuracy_other"]
    pairs = pairs or {}
    rows = [
        _row(split, shots, [group]) | interval_columns([pairs.get((split, None if pd.isna(shots) else int(shots)))])
        for (split, shots), group in both.groupby(CONDITION, dropna=False, sort=True)
    ]
    whole = [both[(both["split"] == split) & both["shots"].isna()] for split in ("seen", "unseen")]
    if all(len(group) for group in whole):
        shared = interval_columns([pairs.get((split, None)) for split in ("seen", "unseen")])
        rows.append(_row("overall", None, whole) | shared)
    named = {**identity, "metric": metric_name(name), "setting": setting_text({"against": against})}
    return in_schema(pd.DataFrame([{**row, **named} for row in rows]))


def _by_user(figures: pd.DataFrame) -> pd.DataFrame:
    return figures.groupby([*CONDITION, "user_id"], dropna=False)[["accuracy", "pairs"]].mean()


def _row(split: str, shots: object, groups: list[pd.DataFrame]) -> dict[str, object]:
    interval: Interval = combined([group["difference"].to_numpy(np.float64) for group in groups])
    known = [group[group["difference"].notna()] for group in groups]
    return {
        "split": split,
        "shots": shots,
        "seed": ALL_SEEDS,
        **interval.columns(),
        "n_users": sum(len(group) for group in known),
        "n_pairs": int(sum(group["pairs"].sum() for group in known)),
    }
