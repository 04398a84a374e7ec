"""Does an uncertainty know which users a model gets wrong? Rank correlation with a user's error, accuracy by thirds.

Everything is computed from per-user tables (``results.per_user_table``), at a fixed number of known pairs: from users
who have just so many. What all reference pairs say is computed from all users.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from prefactor.evaluation.intervals import of_columns
from prefactor.evaluation.items import USERS
from prefactor.evaluation.results import ALL_SEEDS, DOUBT, in_schema, setting_text
from prefactor.evaluation.uncertainty import BT, BY_CONFIDENCE

THIRDS = ("low", "mid", "high")  # of users, by uncertainty
DIGITS = 9  # of a doubt: users who differ by rounding alone are equal
REFERENCES = {BY_CONFIDENCE: "confidence", "plain_doubt": "plain_doubt", BT: BT}  # what a candidate has to beat


@dataclass(frozen=True)
class Doubted:
    """One (split, shots): users in one order, ``accuracy`` (S, U) by training seed, ``doubts`` (S, U) by name.

    ``pairs`` (U,) is the number of evaluation pairs behind a user's accuracy. ``common`` (U,) is BT's
    ``low_confidence`` in the same pairs, mean over its seeds; NaN without BT.
    """

    seeds: tuple[str, ...]
    accuracy: np.ndarray
    doubts: Mapping[str, np.ndarray]
    pairs: np.ndarray
    common: np.ndarray


def metric_of(name: str) -> str:
    """The metric of a candidate's rank correlation with error."""
    return f"uncertainty_{name}"


def ranking_rows(
    method: pd.DataFrame, identity: Mapping[str, str], bt: pd.DataFrame | None = None, against: str = ""
) -> pd.DataFrame:
    """For every condition with doubts and every candidate, in the schema of results:

    ``uncertainty_<name>``                     Spearman's correlation with the error rate, by seed and mean over seeds
    ``uncertainty_<name>_minus_confidence``    the same minus that of the method's own ``low_confidence``, paired
    ``uncertainty_<name>_minus_plain_doubt``   the same minus that of its confidence on a pool that is not predicted
    ``uncertainty_<name>_minus_bt``            the same minus that of BT's ``low_confidence``, paired
    ``uncertainty_bt``                         that of BT's ``low_confidence`` with the method's error
    ``accuracy_low_<name>`` and mid, high      accuracy of each third of users (VRF Figure 3b), known by all pairs

    A candidate that is the same for all users orders nobody, and has no rows. ``bt`` is BT's per-user table;
    ``against`` names its variant in the rows' setting.
    """
    rows = []
    for (split, shots), users in method.groupby(["split", "shots"], dropna=False, sort=False):
        found = _condition(users, shots, bt)
        if found is not None:
            rows += [{**row, "split": split, "shots": shots} for row in _rows(found, pd.isna(shots), against)]
    return in_schema(pd.DataFrame([{"setting": "", **row, **identity} for row in rows]))


def _condition(users: pd.DataFrame, shots: object, bt: pd.DataFrame | None) -> Doubted | None:
    names = [column for column in users if column.startswith(DOUBT) and users[column].notna().any()]
    fixed = users if pd.isna(shots) else users[users["known"] == shots]
    if not names or not len(fixed):
        return None
    tables = {name: fixed.pivot(index="user_id", columns="seed", values=name) for name in ("accuracy", *names)}
    order = tables["accuracy"].index
    pairs = fixed.groupby("user_id")["pairs"].first().loc[order]
    doubts = {name.removeprefix(DOUBT): tables[name].to_numpy(np.float64).T.round(DIGITS) for name in names}
    common = np.full(len(order), np.nan)
    if bt is not None:
        same = bt[(bt["split"] == users["split"].iloc[0]) & bt["shots"].isna()]  # BT's is the same whatever is known
        common = same.groupby("user_id")[f"{DOUBT}{BY_CONFIDENCE}"].mean().reindex(order).to_numpy(np.float64)
    seeds = tuple(map(str, tables["accuracy"].columns))
    return Doubted(seeds, tables["accuracy"].to_numpy(np.float64).T, doubts, pairs.to_numpy(), common)


def _rows(found: Doubted, thirds: bool, against: str) -> list[dict[str, object]]:
    columns = _columns(found)
    if thirds:
        columns |= {(metric, ALL_SEEDS): values for metric, values in _thirds(found).items()}
    columns = {key: values for key, values in columns.items() if not np.isnan(values).all()}
    intervals = of_columns([np.stack([*columns.values()], 1)]) if columns else []
    setting = setting_text({"against": against})
    return [
        {
            "metric": metric,
            "seed": seed,
            "value": interval.value,
            "ci_low": interval.low,
            "ci_high": interval.high,
            "resampled": USERS,
            "n_users": int((~np.isnan(values)).sum()),
            "n_pairs": int(found.pairs[~np.isnan(values)].sum()),
            **({"setting": setting} if metric == metric_of(BT) or metric.endswith(f"_minus_{BT}") else {}),
        }
        for ((metric, seed), values), interval in zip(columns.items(), intervals, strict=True)
    ]


def _columns(found: Doubted) -> dict[tuple[str, str], np.ndarray]:
    """(U,) pseudo-values by metric and seed."""
    everyone = {**found.doubts, BT: np.broadcast_to(found.common, found.accuracy.shape)}
    by_seed = {
        name: np.stack([rank_correlation(doubt, -right) for doubt, right in zip(doubts, found.accuracy, strict=True)])
        for name, doubts in everyone.items()
    }  # (S,U) each
    columns: dict[tuple[str, str], np.ndarray] = {}
    for name, values in by_seed.items():
        columns |= {(metric_of(name), seed): one for seed, one in zip(found.seeds, values, strict=True)}
        columns[metric_of(name), ALL_SEEDS] = _over_seeds(values)
        for other, suffix in REFERENCES.items():
            if other in by_seed and name not in (other, BT):
                columns[f"{metric_of(name)}_minus_{suffix}", ALL_SEEDS] = _over_seeds(values - by_seed[other])
    return columns


def _over_seeds(values: np.ndarray) -> np.ndarray:
    """(S, U) to (U,): the mean over the seeds whose doubts order users at all; NaN where none does."""
    ordered = values[~np.isnan(values).all(1)]
    return ordered.mean(0) if len(ordered) else values[0]


def _thirds(found: Doubted) -> dict[str, np.ndarray]:
    """(U,) accuracy, mean over seeds, of the users of each third by their mean doubt; NaN elsewhere."""
    accuracy, columns = found.accuracy.mean(0), {}
    for name, doubts in found.doubts.items():
        doubt = doubts.mean(0)
        known = np.flatnonzero(~np.isnan(doubt) & ~np.isnan(accuracy))
        if len(known) < len(THIRDS) or np.ptp(doubt[known]) == 0:
            continue
        parts = np.array_split(known[np.argsort(doubt[known], kind="stable")], len(THIRDS))
        for third, users in zip(THIRDS, parts, strict=True):
            columns[third_metric(third, name)] = np.full(len(doubt), np.nan)
            columns[third_metric(third, name)][users] = accuracy[users]
    return columns


def third_metric(third: str, name: str) -> str:
    """The metric of the accuracy of one third of users by a candidate."""
    return f"accuracy_{third}_{name}"


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(U,), (U,) -> (U,) pseudo-values whose mean is Spearman's correlation, ties counted half; NaN if undefined.

    A user's pseudo-value is the correlation plus the user's influence on it, to first order: resampling their mean is
    resampling the correlation, ranks and all, without ranking anew each time (Efron and Tibshirani 1993, section 21).
    Users with NaN in either get NaN.
    """
    known = ~np.isnan(first) & ~np.isnan(second)
    pseudo = np.full(len(first), np.nan)
    if known.sum() < 3:
        return pseudo
    a, b = _Grades(first[known]), _Grades(second[known])
    spread = np.array([a.product(a)[0], b.product(b)[0]]) - 0.25  # variances of the grades
    if (spread < 1e-9).any():
        return pseudo
    (joint, on_joint), (_, on_a), (_, on_b) = a.product(b), a.product(a), b.product(b)
    value = (joint - 0.25) / np.sqrt(spread.prod())
    influence = on_joint / np.sqrt(spread.prod()) - value / 2 * (on_a / spread[0] + on_b / spread[1])
    pseudo[known] = value + influence
    return pseudo


class _Grades:
    """Values as shares of users below, ties half, in [0, 1]: (U,)."""

    def __init__(self, values: np.ndarray) -> None:
        _, self.level, count = np.unique(values, return_inverse=True, return_counts=True)
        self.grade = ((count.cumsum() - count / 2) / len(values))[self.level]

    def above(self, weights: np.ndarray) -> np.ndarray:
        """(U,) mean over users of ``weights`` (U,), those above counted whole and equals half."""
        total = np.bincount(self.level, weights)
        return (total.sum() - total.cumsum() + total / 2)[self.level] / len(weights)

    def product(self, other: "_Grades") -> tuple[float, np.ndarray]:
        """Mean product of two grades, and every user's influence (U,) on it: by themselves and on others' grades."""
        mean = float((self.grade * other.grade).mean())
        direct = self.grade * other.grade
        return mean, direct + self.above(other.grade) + other.above(self.grade) - 3 * mean
