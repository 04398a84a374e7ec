"""Intervals over users and what they judged: where users share prompts or items, their pairs are not independent.

Resampling users alone treats the prompts of the evaluation as the only ones there could be. If all users met the same
ones, a prompt that happens to suit a method lifts all of them at once, and the interval is too narrow.

A mean has a closed form (``over_users_and_items``), and so have several at once (``moved_by_items``). For what is
none, a rank correlation for one, every item is left out in turn: ``means_without_items`` is what it is then computed
from, ``with_items_left_out`` its interval.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd
from scipy.sparse import block_diag, csr_array, eye_array, hstack, vstack
from scipy.special import ndtri, stdtrit
from torch import Tensor

from prefactor.cohorts import PARTS, Cohort
from prefactor.errors import InputError
from prefactor.evaluation.intervals import ENDS, Interval

Kind = Literal["prompts", "items"]
Condition = tuple[str, int | None]  # split, shots
COLUMNS = ["item", "other_item"]
USERS = "users"
MANY_ITEMS = 300  # up to so many are left out one by one
BLOCKS = 100  # of more items: enough to know a variance to 14 %


@dataclass(frozen=True)
class Outcomes:
    """What came of N pairs.

    value   (N,) e.g. the share of training seeds that were right about the pair, or the difference of two methods'
    user    (N,) the pair's user
    items   (N, M) what the pair is about, by number: M = 1, its prompt (more exactly, its group); M = 2, its two items
    kind    ``prompts`` or ``items``: what the numbers stand for
    """

    value: np.ndarray
    user: np.ndarray
    items: np.ndarray
    kind: Kind

    @classmethod
    def of(cls, cohort: Cohort, found: Sequence[Tensor], kind: Kind) -> Self | None:
        """Outcomes of a cohort's evaluation pairs, ``found`` (N,) for each training seed; None if it has no groups."""
        if cohort.group is None:
            return None
        pairs, group = cohort.to_predict("evaluation"), cohort.group[cohort.part == PARTS.index("evaluation")]
        sides = [group] if kind == "prompts" else [pairs.chosen, pairs.rejected]
        items = np.sort(np.stack([side.numpy() for side in sides], 1), 1)  # which was chosen is no part of a pair
        value = np.mean([seed.double().numpy() for seed in found], axis=0)
        return cls(value, pairs.segment.numpy(), items, kind)

    @classmethod
    def by_metric(cls, cohort: Cohort, found: Sequence[Mapping[str, Tensor]], kind: Kind) -> dict[str, Self]:
        """``of`` for every metric; ``found`` has (N,) by metric for each training seed. Empty without groups."""
        pairs = cls.of(cohort, [found[0]["accuracy"]], kind)
        if pairs is None:
            return {}
        every = {metric: np.mean([seed[metric].double().numpy() for seed in found], axis=0) for metric in found[0]}
        return {metric: replace(pairs, value=value) for metric, value in every.items()}

    def minus(self, other: "Outcomes") -> "Outcomes":
        """Differences pair by pair. InputError if the other's pairs are not these."""
        if not (np.array_equal(self.user, other.user) and np.array_equal(self.items, other.items)):
            raise InputError("two methods were judged on different pairs: rerun stage evaluate")
        return Outcomes(self.value - other.value, self.user, self.items, self.kind)

    def of_users(self, numbers: np.ndarray) -> "Outcomes":
        """The pairs of some users alone, who are numbered anew in the order given."""
        place = np.full(max(self.user.max(initial=-1), numbers.max(initial=-1)) + 1, -1)
        place[numbers] = np.arange(len(numbers))
        mine = place[self.user] >= 0
        return Outcomes(self.value[mine], place[self.user[mine]], self.items[mine], self.kind)


def read_kind(prepared: Path) -> Kind:
    """What users of a prepared dataset share: rated items, any two of which are a pair, or else prompts."""
    source = json.loads((prepared / "source.json").read_text(encoding="utf-8"))
    return "items" if source.get("items") else "prompts"


def over_users_and_items(groups: Sequence[Outcomes]) -> Interval:
    """Mean over users of their mean (the groups' mean, of seen and unseen users) with a two-way 95 % interval.

    The figure is a weighted mean of pairs, so its variance is that of sums of e_i = w_i (y_i - mean), and two pairs may
    be correlated if they share a user or an item: variance over users + over items - over cells of both, which were
    counted twice (Cameron, Gelbach and Miller 2011). Pairs of items belong to two of them: pairs are correlated that
    share at least one (dyadic clusters: Aronow, Samii and Assenova 2015). A closed form, exact for effects that add
    up, where the pigeonhole bootstrap (Owen 2007) draws thousands of times and counts the variance of single pairs
    three times. Where no two users share an item it is the interval over users.

    With few items the normal distribution is too narrow: Student's, with one degree of freedom less than there are
    users or items, whichever are fewer. The variance is never below that over users: that pairs on one item
    contradict each other is taken for noise.
    """
    residual, user, items = _joined(groups)
    value = float(np.mean([_user_means(group).mean() for group in groups])) if all(map(_size, groups)) else np.nan
    found, users = count_items(groups), len(np.unique(user))
    if not np.isfinite(value) or users < 2 or found <= items.shape[1] + 1:
        return Interval(value, np.nan, np.nan)
    column = csr_array(residual[:, None])
    alone = float(_clustered(column, user).item()) * users / (users - 1)
    shared = float(_shared(column, user, items).item())
    variance = alone + max(shared, 0.0) * _correction(found, items.shape[1])
    low, high = stdtrit(min(users, found) - 1, ENDS) * np.sqrt(variance)
    return Interval(value, value + float(low), value + float(high))


def moved_by_items(groups: Sequence[Outcomes], columns: Sequence[csr_array], draws: np.ndarray) -> np.ndarray:
    """How far shared items move D means over users in each of G groups, beyond what users do: (R, G, D) draws.

    ``columns`` has (N, D) for each group, mostly nothing: what is averaged, in the place of ``value``. Standard normal
    ``draws`` (R, G * D) are given the covariance that ``over_users_and_items`` adds to that over users, and Student's
    width. Directions of negative variance are taken for noise; those of positive variance cannot be told from it, so
    where items have no effect an interval of a calibration error is wider than that over users by a tenth to a half.
    NaN where there are too few items.
    """
    weights, users, items = zip(*_shares(groups), strict=True)
    found, size = count_items(groups), columns[0].shape[1]
    if found <= items[0].shape[1] + 1:
        return np.full((len(draws), len(groups), size), np.nan)
    own = [column.multiply(weight[:, None]) for column, weight in zip(columns, weights, strict=True)]
    means = [np.asarray(column.sum(0))[:, None] for column in own]
    # A pair's residual is its own columns less its weight times the means: weights go along as columns of their own.
    along = block_diag([weight[:, None] for weight in weights])
    summed = _shared(hstack([block_diag(own), along]).tocsr(), np.concatenate(users), np.concatenate(items))
    less = hstack([eye_array(len(groups) * size), -block_diag(means)])  # (GD,GD+G)
    covariance = (less @ summed @ less.T) * _correction(found, items[0].shape[1])  # (GD,GD)
    variance, direction = np.linalg.eigh((covariance + covariance.T) / 2)
    freedom = min(len(np.unique(np.concatenate(users))), found) - 1
    wider = stdtrit(freedom, ENDS[1]) / ndtri(ENDS[1])
    moved = draws @ (direction * (wider * np.sqrt(variance.clip(0)))).T  # (R,GD)@(GD,GD)
    return moved.reshape(len(draws), len(groups), size)


def count_items(groups: Sequence[Outcomes]) -> int:
    """Different items of all groups."""
    return len(np.unique(np.concatenate([group.items.ravel() for group in groups])))


def interval_columns(groups: Sequence[Outcomes | None]) -> dict[str, object]:
    """The columns of a result row that say what it was resampled over, with the two-way interval where it is known."""
    known = [group for group in groups if group is not None]
    if not known or len(known) < len(groups):
        return {"resampled": USERS}
    return columns_of(over_users_and_items(known), known[0].kind, count_items(known))


def columns_of(interval: Interval, kind: Kind, items: int) -> dict[str, object]:
    """The same of an interval over users and so many items that is already there."""
    return {
        "low_items": interval.low,
        "high_items": interval.high,
        "n_items": items,
        "resampled": f"{USERS}; {USERS} and {kind}",
    }


def means_without_items(outcomes: Outcomes, users: int) -> np.ndarray:
    """(J, U) means of users' values without the pairs on one of J items; NaN for who has no others.

    More than ``MANY_ITEMS`` items are dealt into ``BLOCKS`` blocks at random, always the same, of which one is left
    out at a time.
    """
    blocks, count = _blocks(outcomes.items)
    named = [(blocks[:, [place]] == blocks[:, :place]).any(1) for place in range(blocks.shape[1])]
    once = ~np.stack(named, 1)  # (N,M): a pair leaves with a block once, also if both its items are of it
    cell = (blocks * users + outcomes.user[:, None])[once]
    value = np.broadcast_to(outcomes.value[:, None], blocks.shape)[once]
    gone, lost = (np.bincount(cell, weights, count * users).reshape(count, users) for weights in (None, value))
    pairs, total = (np.bincount(outcomes.user, weights, users) for weights in (None, outcomes.value))
    left = pairs - gone
    return np.divide(total - lost, left, out=np.full(left.shape, np.nan), where=left > 0)


def dealt(count: int, most: int) -> np.ndarray:
    """(count,) each item's own number, or of more than ``most`` items that of its block: BLOCKS at random, the same."""
    return np.arange(count) if count <= most else np.random.default_rng(0).permutation(count) % BLOCKS


def with_items_left_out(value: float, over_users: float, users: int, without: np.ndarray) -> Interval:
    """A figure with a 95 % interval over users and items: ``over_users`` is the variance that users alone give it.

    ``without`` (J,) is the figure without each item. The delete-one jackknife's variance, (J - 1) / J times the sum of
    squared deviations from their mean, is added to that over users. It is right to first order for pairs of items too,
    which leave with either (Arvesen 1969). Single pairs' noise is in both, unlike in ``over_users_and_items``: where
    items have no effect the interval of a rank correlation is wider than that over users by a quarter (45 pairs a user,
    prompts) to two thirds (12, pairs of items). Student's t, as there; no interval where an item cannot be left out.
    """
    count = len(without)
    if users < 2 or count < 2 or not np.isfinite([value, over_users, *without]).all():
        return Interval(value, np.nan, np.nan)
    variance = over_users + (count - 1) / count * np.square(without - without.mean()).sum()
    low, high = stdtrit(min(users, count) - 1, ENDS) * np.sqrt(variance)
    return Interval(value, value + float(low), value + float(high))


def outcomes_table(outcomes: Mapping[Condition, Outcomes]) -> pd.DataFrame:
    """A row per pair and condition: split, shots, user, item, other_item (null for prompts), kind, value."""
    frames = [_frame(*condition, found) for condition, found in outcomes.items()]
    if not frames:
        return pd.DataFrame(columns=["split", "shots", "user", *COLUMNS, "kind", "value"])
    return pd.concat(frames, ignore_index=True).astype({"split": "category", "kind": "category"})


def read_outcomes(path: Path) -> dict[Condition, Outcomes]:
    """What ``outcomes_table`` was made of. InputError if the file is missing."""
    try:
        table = pd.read_parquet(path)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: rerun stage evaluate") from error
    return dict(_conditions(table))


def differences(
    method: Mapping[Condition, Outcomes], reference: Mapping[Condition, Outcomes]
) -> dict[Condition, Outcomes]:
    """Differences pair by pair of what both were judged on."""
    return {condition: method[condition].minus(reference[condition]) for condition in method if condition in reference}


def _conditions(table: pd.DataFrame) -> Iterator[tuple[Condition, Outcomes]]:
    for (split, shots), rows in table.groupby(["split", "shots"], dropna=False, observed=True, sort=False):
        columns = [name for name in COLUMNS if rows[name].notna().all()]
        items = rows[columns].to_numpy(np.int64)
        value, user = rows["value"].to_numpy(np.float64), rows["user"].to_numpy(np.int64)
        yield (str(split), None if pd.isna(shots) else int(shots)), Outcomes(value, user, items, rows["kind"].iloc[0])


def _frame(split: str, shots: int | None, found: Outcomes) -> pd.DataFrame:
    count = len(found.value)
    other = found.items[:, 1] if found.items.shape[1] > 1 else [None] * count
    columns = {
        "split": split,
        "shots": pd.array([shots] * count, dtype="Int64"),
        "user": found.user.astype(np.int32),
        "item": pd.array(found.items[:, 0], dtype="Int32"),
        "other_item": pd.array(other, dtype="Int32"),
        "kind": found.kind,
        "value": found.value.astype(np.float32),
    }
    return pd.DataFrame(columns)


def _blocks(items: np.ndarray) -> tuple[np.ndarray, int]:
    """(N, M) the items' numbers from 0, or those of their blocks where they are many; and how many there are."""
    names, number = np.unique(items, return_inverse=True)
    block = dealt(len(names), MANY_ITEMS)
    return block[number].reshape(items.shape), int(block.max(initial=-1)) + 1


def _size(group: Outcomes) -> int:
    return len(group.value)


def _user_means(group: Outcomes) -> np.ndarray:
    """(U',) means of the users who have pairs."""
    _, user = np.unique(group.user, return_inverse=True)
    return np.bincount(user, group.value) / np.bincount(user)


def _shares(groups: Sequence[Outcomes]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Of each group the weights (N,) of pairs in a mean over users, users (N,), numbered on from group to group, and
    items (N, M)."""
    first = 0
    for group in groups:
        names, user = np.unique(group.user, return_inverse=True)
        yield 1 / np.bincount(user)[user] / max(len(names), 1), user + first, group.items
        first += len(names)


def _joined(groups: Sequence[Outcomes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residuals (N,) whose sums over clusters vary as the figure does, users (N,), and items (N, M) of all groups."""
    weights, users, items = zip(*_shares(groups), strict=True)
    means = [_user_means(group).mean() if len(group.value) else 0.0 for group in groups]
    residuals = [
        weight * (group.value - mean) / len(groups) for weight, group, mean in zip(weights, groups, means, strict=True)
    ]
    return np.concatenate(residuals), np.concatenate(users), np.concatenate(items)


def _shared(values: csr_array, user: np.ndarray, items: np.ndarray) -> np.ndarray:
    """(D, D): what pairs of rows that share an item, but not the user, add to the covariance of sums of (N, D)."""
    return _sharing(values, items) - _sharing(values, items, user)


def _clustered(values: csr_array, *keys: np.ndarray) -> np.ndarray:
    """(D, D) sum over clusters of s s', s the sum of their rows (N, D), which agree in all ``keys`` (N,)."""
    cluster = np.zeros(values.shape[0], dtype=np.int64)
    for key in keys:
        names, number = np.unique(key, return_inverse=True)
        cluster = np.unique(cluster * len(names) + number, return_inverse=True)[1]
    sums = csr_array((np.ones(len(cluster)), (cluster, np.arange(len(cluster))))) @ values  # (C,N)@(N,D)
    return (sums.T @ sums).toarray()  # (D,C)@(C,D)


def _sharing(values: csr_array, items: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """(D, D) sum of e_i e_j' over pairs i, j of rows (N, D) that share at least one item, and all ``keys`` (N,)."""
    if items.shape[1] == 1:
        return _clustered(values, items[:, 0], *keys)
    either = [np.concatenate([key, key]) for key in keys]
    by_item = _clustered(vstack([values, values]).tocsr(), items.T.ravel(), *either)
    return by_item - _clustered(values, *items.T, *keys)  # those that share both were counted twice


def _correction(items: int, memberships: int) -> float:
    """What few items take from the variance of effects that add up, given back: their mean was estimated too."""
    if memberships == 1:
        return items / (items - 1)
    return items * (items - 1) / ((items - 2) * (items - 3))
