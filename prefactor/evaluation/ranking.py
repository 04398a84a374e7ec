"""Does an uncertainty know which users a model gets wrong? Rank correlation with a user's error, accuracy by thirds.

Everything is computed from per-user tables (``results.per_user_table``), at a fixed number of known pairs: from users
who have just so many. What all reference pairs say is computed from all users.

Users share prompts or items, so a correlation has two intervals: over users, and over users and what they share, for
which every item, a joke or a prompt, is left out of all users' evaluation pairs in turn (of many items one block of a
hundred, ``items.MANY_ITEMS``). Users' errors and the correlations are then computed anew. Doubts stay as they are:
exact for what reads reference pairs alone, an approximation for ``low_confidence`` and ``fitted``. A jackknife needs
smooth figures, and ranks of shares of few pairs are not: many users have the same error, an item that some of them met
parts them, and ranks move by far more than errors did. So for this alone ties are broken beforehand, at random.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prefactor.errors import InputError
from prefactor.evaluation.intervals import of_columns
from prefactor.evaluation.items import (
    USERS,
    Condition,
    Outcomes,
    columns_of,
    count_items,
    means_without_items,
    with_items_left_out,
)
from prefactor.evaluation.results import ALL_SEEDS, DOUBT, in_schema, setting_text
from prefactor.evaluation.uncertainty import BT, BY_CONFIDENCE

THIRDS = ("low", "mid", "high")  # of users, by uncertainty
DIGITS = 9  # of a doubt: users who differ by rounding alone are equal
LEAST_SPREAD = 1e-9  # of grades: below it they order nobody
REFERENCES = {BY_CONFIDENCE: "confidence", "plain_doubt": "plain_doubt", BT: BT}  # what a candidate has to beat


@dataclass(frozen=True)
class DoubtsAndErrors:
    """One (split, shots): users in one order, ``accuracy`` (S, U) by training seed, ``doubts`` (S, U) by name.

    ``pairs`` (U,) is the number of evaluation pairs behind a user's accuracy. ``common`` (U,) is BT's
    ``low_confidence`` in the same pairs, mean over its seeds; NaN without BT. ``outcomes`` are the single pairs, mean
    over seeds, of users numbered in that order; None where they are not known.
    """

    seeds: tuple[str, ...]
    accuracy: np.ndarray
    doubts: Mapping[str, np.ndarray]
    pairs: np.ndarray
    common: np.ndarray
    outcomes: Outcomes | None = None

    @property
    def everyone(self) -> dict[str, np.ndarray]:
        """(S, U) of every candidate and of BT's confidence."""
        return {**self.doubts, BT: np.broadcast_to(self.common, self.accuracy.shape)}


def metric_of(name: str) -> str:
    """The metric of a candidate's rank correlation with error."""
    return f"uncertainty_{name}"


def ranking_rows(
    method: pd.DataFrame,
    identity: Mapping[str, str],
    bt: pd.DataFrame | None = None,
    against: str = "",
    outcomes: Mapping[Condition, Outcomes] | None = None,
) -> pd.DataFrame:
    """For every condition with doubts and every candidate, in the schema of results:

    ``uncertainty_<name>``                     Spearman's correlation with the error rate, by seed and mean over seeds
    ``uncertainty_<name>_minus_confidence``    the same minus that of the method's own ``low_confidence``, paired
    ``uncertainty_<name>_minus_plain_doubt``   the same minus that of its confidence on a pool that is not predicted
    ``uncertainty_<name>_minus_bt``            the same minus that of BT's ``low_confidence``, paired
    ``uncertainty_bt``                         that of BT's ``low_confidence`` with the method's error
    ``accuracy_low_<name>`` and mid, high      the method's accuracy on each third of users, known by all pairs

    A candidate that is the same for all users orders nobody, and has no rows. ``bt`` is BT's per-user table;
    ``against`` names its variant in the rows' setting. With ``outcomes``, the method's single pairs, correlations and
    their differences over all seeds have intervals over users and items too.
    """
    rows, single = [], outcomes or {}
    for (split, shots), users in method.groupby(["split", "shots"], dropna=False, sort=False):
        found = _condition(users, shots, bt, single.get((split, None if pd.isna(shots) else int(shots))))
        if found is not None:
            rows += [{**row, "split": split, "shots": shots} for row in _rows(found, pd.isna(shots), against)]
    return in_schema(pd.DataFrame([{"setting": "", **row, **identity} for row in rows]))


def _condition(
    users: pd.DataFrame, shots: object, bt: pd.DataFrame | None, outcomes: Outcomes | None
) -> DoubtsAndErrors | None:
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
    seeds, accuracy = tuple(map(str, tables["accuracy"].columns)), tables["accuracy"].to_numpy(np.float64).T
    found = DoubtsAndErrors(seeds, accuracy, doubts, pairs.to_numpy(), common)
    return found if outcomes is None else replace(found, outcomes=_checked(_of_users(outcomes, users, order), found))


def _of_users(outcomes: Outcomes, users: pd.DataFrame, order: pd.Index) -> Outcomes:
    """Single pairs of the users of ``order``; they are numbered as the per-user table lists its users."""
    listed = users.loc[users["seed"] == users["seed"].iloc[0], "user_id"]
    return outcomes.of_users(pd.Index(listed).get_indexer(order))


def _checked(outcomes: Outcomes, found: DoubtsAndErrors) -> Outcomes:
    """InputError if single pairs are not those behind the users' accuracy."""
    users, accuracy = len(found.pairs), found.accuracy.mean(0)
    pairs, right = (np.bincount(outcomes.user, weights, users) for weights in (None, outcomes.value))
    if not (pairs == found.pairs).all() or not np.allclose(right, np.where(pairs, accuracy * pairs, 0), atol=1e-3):
        raise InputError("single pairs do not make up the users' accuracy: rerun stage evaluate")
    return outcomes


def _rows(found: DoubtsAndErrors, thirds: bool, against: str) -> list[dict[str, object]]:
    columns = _columns(found.seeds, _pseudo_values(found))
    wider = _wider_intervals(found, columns)
    if thirds:
        columns |= {(metric, ALL_SEEDS): values for metric, values in _thirds(found).items()}
    columns = {key: values for key, values in columns.items() if not np.isnan(values).all()}
    intervals = of_columns([np.stack([*columns.values()], 1)]) if columns else []
    setting = setting_text({"against": against})
    return [
        {
            "metric": metric,
            "seed": seed,
            **interval.columns(),
            "resampled": USERS,
            "n_users": int((~np.isnan(values)).sum()),
            "n_pairs": int(found.pairs[~np.isnan(values)].sum()),
            **wider.get((metric, seed), {}),
            **({"setting": setting} if metric == metric_of(BT) or metric.endswith(f"_minus_{BT}") else {}),
        }
        for ((metric, seed), values), interval in zip(columns.items(), intervals, strict=True)
    ]


def _pseudo_values(found: DoubtsAndErrors) -> dict[str, np.ndarray]:
    """(S, U) by candidate: what averages to the correlation."""
    return {
        name: np.stack([rank_correlation(doubt, -right) for doubt, right in zip(doubts, found.accuracy, strict=True)])
        for name, doubts in found.everyone.items()
    }


def _columns(seeds: tuple[str, ...], by_seed: Mapping[str, np.ndarray]) -> dict[tuple[str, str], np.ndarray]:
    """(S, X) by candidate to (X,) by metric and seed: X users' pseudo-values, or correlations without X items."""
    columns: dict[tuple[str, str], np.ndarray] = {}
    for name, values in by_seed.items():
        columns |= {(metric_of(name), seed): one for seed, one in zip(seeds, values, strict=True)}
        columns[metric_of(name), ALL_SEEDS] = _over_seeds(values)
        for other, suffix in REFERENCES.items():
            if other in by_seed and name not in (other, BT):
                columns[f"{metric_of(name)}_minus_{suffix}", ALL_SEEDS] = _over_seeds(values - by_seed[other])
    return columns


def _wider_intervals(
    found: DoubtsAndErrors, pseudo: Mapping[tuple[str, str], np.ndarray]
) -> dict[tuple[str, str], dict[str, object]]:
    """The columns of intervals over users and items, of what is a mean over seeds; none without single pairs."""
    if found.outcomes is None or not len(found.outcomes.value):
        return {}
    without, columns = _columns(found.seeds, _correlations_without_items(found, found.outcomes)), {}
    kind, items = found.outcomes.kind, count_items([found.outcomes])
    for key in (key for key in pseudo if key[1] == ALL_SEEDS):
        known = pseudo[key][~np.isnan(pseudo[key])]
        if len(known) > 1:
            over_users = known.var(ddof=1) / len(known)
            interval = with_items_left_out(known.mean(), over_users, len(known), without[key])
            columns[key] = columns_of(interval, kind, items)
    return columns


def _correlations_without_items(found: DoubtsAndErrors, outcomes: Outcomes) -> dict[str, np.ndarray]:
    """(S, J) by candidate: correlations without the pairs on each item. All seeds' errors change as their mean does.

    A seed that is right equally often about everyone orders nobody, also where its ties are broken.
    """
    means, everyone = means_without_items(outcomes, len(found.pairs)), found.everyone  # (J,U)
    change = means - found.accuracy.mean(0) + tie_breaks(found.pairs)
    by_seed = np.full((len(everyone), len(found.seeds), len(means)), np.nan)
    for seed, right in enumerate(found.accuracy):
        if np.nanmin(right) < np.nanmax(right):
            by_seed[:, seed] = correlations(np.stack([doubts[seed] for doubts in everyone.values()]), -(right + change))
    return dict(zip(everyone, by_seed, strict=True))


def tie_breaks(pairs: np.ndarray) -> np.ndarray:
    """(U,) up to half of what one of a user's pairs is of their accuracy, at random, the same whatever is left out."""
    return np.random.default_rng(0).uniform(-0.5, 0.5, len(pairs)) / pairs.clip(1)


def _over_seeds(values: np.ndarray) -> np.ndarray:
    """(S, U) to (U,): the mean over the seeds whose doubts order users at all; NaN where none does."""
    ordered = values[~np.isnan(values).all(1)]
    return ordered.mean(0) if len(ordered) else values[0]


def _thirds(found: DoubtsAndErrors) -> dict[str, np.ndarray]:
    """(U,) accuracy, mean over seeds, of the users of each third by their mean doubt; NaN elsewhere."""
    accuracy, columns = found.accuracy.mean(0), {}
    for name, doubts in found.doubts.items():
        doubt = doubts.mean(0)
        for third, users in in_thirds(doubt, ~np.isnan(accuracy)).items():
            columns[third_metric(third, name)] = np.full(len(doubt), np.nan)
            columns[third_metric(third, name)][users] = accuracy[users]
    return columns


def in_thirds(doubt: np.ndarray, counted: np.ndarray) -> dict[str, np.ndarray]:
    """Numbers of the users of each third by their doubt (U,), least first, of those that ``counted`` (U,) marks.

    Users without a doubt are in none. Empty where three thirds cannot be told apart.
    """
    known = np.flatnonzero(~np.isnan(doubt) & counted)
    if len(known) < len(THIRDS) or np.ptp(doubt[known]) == 0:
        return {}
    parts = np.array_split(known[np.argsort(doubt[known], kind="stable")], len(THIRDS))
    return dict(zip(THIRDS, parts, strict=True))


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
    if (spread < LEAST_SPREAD).any():
        return pseudo
    (joint, on_joint), (_, on_a), (_, on_b) = a.product(b), a.product(a), b.product(b)
    value = (joint - 0.25) / np.sqrt(spread.prod())
    influence = on_joint / np.sqrt(spread.prod()) - value / 2 * (on_a / spread[0] + on_b / spread[1])
    pseudo[known] = value + influence
    return pseudo


def correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(C, U), (J, U) -> (C, J) Spearman's correlations among users who have both, ties counted half; else NaN."""
    levels = [_levels(first), _levels(second)]
    found = np.full((len(first), len(second)), np.nan)
    for rows, known in _alike(~np.isnan(first)):
        for columns, left in _alike(~np.isnan(second)):
            users = np.flatnonzero(known & left)
            if len(users) >= 3:
                grades = [_unit_grades(levels[0][np.ix_(rows, users)]), _unit_grades(levels[1][np.ix_(columns, users)])]
                found[np.ix_(rows, columns)] = grades[0] @ grades[1].T  # (c,u)@(u,j)
    return found


def _alike(known: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Numbers of the rows (R, U) that agree, with the row that they are."""
    found: dict[bytes, list[int]] = {}
    for number, row in enumerate(known):
        found.setdefault(row.tobytes(), []).append(number)
    return [(np.array(numbers), known[numbers[0]]) for numbers in found.values()]


def _levels(values: np.ndarray) -> np.ndarray:
    """(R, U) numbers from 0 in the order of each row's values, the same for equal ones; NaN last."""
    order = values.argsort(1)
    ordered = np.take_along_axis(values, order, 1)
    levels = np.zeros(values.shape, dtype=np.int64)
    np.put_along_axis(levels, order[:, 1:], (ordered[:, 1:] != ordered[:, :-1]).cumsum(1), 1)
    return levels


def _unit_grades(levels: np.ndarray) -> np.ndarray:
    """Whole numbers (R, U) to grades of mean 0 and length 1 by row, equal ones alike; NaN where they order nobody.

    They are counted, not sorted: where items leave different users without a pair, the same doubts are graded anew for
    almost every item.
    """
    rows, size = levels.shape[0], levels.max() + 1
    count = np.bincount((levels + size * np.arange(rows)[:, None]).ravel(), minlength=rows * size).reshape(rows, size)
    grade = np.take_along_axis(count.cumsum(1) - count / 2, levels, 1) / levels.shape[1] - 0.5  # of mean 0
    spread = np.square(grade).mean(1, keepdims=True)
    return np.where(spread < LEAST_SPREAD, np.nan, grade) / np.sqrt(levels.shape[1] * spread.clip(LEAST_SPREAD))


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
