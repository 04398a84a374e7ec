"""Whom is a method right about? Accuracy by what users said of themselves, and how far each group is from all others.

A group is a value of an attribute, a column of the prepared users: words as they are, numbers cut at the quartiles of
the dataset's users (an upper end belongs to its group), and one group for whoever did not say. Seen and unseen users
are apart, each known by all that is known of them.

Nobody's own figure is to be read off: groups of fewer than ``smallest`` users with evaluation pairs are pooled as
``others``. Where even together they are too few they join the smallest group that is large enough: left out, their
figure would be the difference of the whole and of the groups that are shown. So every user is in a group, no group is
too small, and an attribute without two of them is not shown at all.

Many groups are looked at, and the largest of many gaps is large by chance alone: whoever reports them says how many
there are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import types

from prefactor.errors import InputError
from prefactor.evaluation.intervals import Interval, combined, over_users
from prefactor.evaluation.items import (
    USERS,
    Outcomes,
    columns_of,
    count_items,
    interval_columns,
    over_users_and_items,
)
from prefactor.evaluation.results import ALL_SEEDS, Judged, in_schema, setting_text
from prefactor.parameters import nearest

BY_ATTRIBUTE = "accuracy_by_attribute"
FROM_OTHERS = f"{BY_ATTRIBUTE}_minus_others"
NOT_SAID, OTHERS = "not said", "others"
QUARTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
LONGEST = 60  # characters of a value


def read_groups(prepared: Path, attributes: Sequence[str]) -> pd.DataFrame:
    """The group that each of a prepared dataset's users is in by each attribute: columns of words by user_id.

    InputError for an attribute that users have not got, or that is neither words nor a number.
    """
    if not attributes:
        return pd.DataFrame()
    path = prepared / "users.parquet"
    try:
        users = pq.read_table(path)
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise InputError(f"{path} cannot be read ({error}): run stage prepare again") from error
    known = [name for name in users.column_names if name != "user_id" and _is_plain(users.schema.field(name).type)]
    for name in (name for name in attributes if name not in known):
        raise InputError(
            f"evaluation.slices.attributes: {path} has no column {name!r} of words or numbers"
            f"{nearest(name, known, 'columns') or '; it has none'}"
        )
    index = pd.Index(users["user_id"].to_pylist(), name="user_id")
    return pd.DataFrame({name: _groups(users[name]) for name in attributes}, index=index)


def slice_rows(
    judged: Iterable[Judged], groups: pd.DataFrame, smallest: int, identity: Mapping[str, str]
) -> pd.DataFrame:
    """Rows in the schema of results, seed ``all``, for seen and for unseen users known by all their pairs:

    ``accuracy_by_attribute``                 of each group
    ``accuracy_by_attribute_minus_others``    the same minus that of everybody else, who are other people: not paired

    ``groups`` are those of ``read_groups``; the rows' setting is ``attribute=group``. No rows without attributes.
    """
    rows = [row for group in judged if group.shots is None for row in _rows(group, groups, smallest)]
    return in_schema(pd.DataFrame([{**identity, **row} for row in rows], columns=None if rows else ["dataset"]))


def pooled(labels: Sequence[str], smallest: int) -> dict[str, np.ndarray]:
    """The numbers of the users of each group that may be shown, by its name; ``labels`` has a name for each user.

    Empty where there are not two such groups.
    """
    places = pd.Series(np.arange(len(labels))).groupby(np.asarray(labels, dtype=object), sort=True)
    found = {str(name): own.to_numpy() for name, own in places}
    shown = {name: own for name, own in found.items() if len(own) >= smallest}
    few = np.sort(np.concatenate([np.empty(0, np.int64), *(own for name, own in found.items() if name not in shown)]))
    if 0 < len(few) < smallest and shown:
        name = min(shown, key=lambda name: (len(shown[name]), name))
        shown[f"{name} or {OTHERS}"] = np.sort(np.concatenate([shown.pop(name), few]))
    elif len(few) >= smallest:
        shown[OTHERS] = np.sort(np.concatenate([shown.get(OTHERS, few[:0]), few]))
    return shown if len(shown) > 1 else {}


def _is_plain(kind: pa.DataType) -> bool:
    """Is a column of this type words, yes or no, or a number?"""
    if types.is_dictionary(kind):
        kind = kind.value_type
    plain = (types.is_string, types.is_large_string, types.is_boolean, types.is_integer, types.is_floating)
    return any(is_kind(kind) for is_kind in plain)


def _groups(values: pa.ChunkedArray) -> list[str]:
    """The group of each of a dataset's users."""
    if types.is_boolean(values.type):
        return [{True: "yes", False: "no"}.get(value, NOT_SAID) for value in values.to_pylist()]
    if types.is_integer(values.type) or types.is_floating(values.type):
        return _quarters(pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False))
    return [_tidy(value) for value in values.to_pylist()]


def _quarters(numbers: np.ndarray) -> list[str]:
    """Quarters of those who gave a number; the numbers themselves where there are no more than four."""
    said = np.isfinite(numbers)
    values = np.unique(numbers[said])
    if len(values) < len(QUARTILES):
        return [f"{value:g}" if known else NOT_SAID for value, known in zip(numbers, said, strict=True)]
    # Ends that somebody gave; fewer than four groups where many gave the same number.
    ends = np.unique(np.quantile(numbers[said], QUARTILES, method="inverted_cdf"))
    names = [f"{low:g} to {high:g}" for low, high in pairwise(ends)]
    place = np.searchsorted(ends[1:-1], numbers)
    return [names[at] if known else NOT_SAID for at, known in zip(place, said, strict=True)]


def _tidy(value: str | None) -> str:
    """A value as it may stand in a setting, whose parts a semicolon joins, and as a part of a path."""
    parts = " ".join((value or "").replace(";", ",").split()).split("/")
    text = "/".join(part.strip() for part in parts if part.strip(" ."))
    return NOT_SAID if not text else text if len(text) <= LONGEST else f"{text[: LONGEST - 3].rstrip(' /')}..."


def _rows(judged: Judged, groups: pd.DataFrame, smallest: int) -> Iterator[dict[str, object]]:
    accuracy = np.mean([figures.accuracy for figures in judged.figures.values()], axis=0)
    pairs = next(iter(judged.figures.values())).pairs
    counted = np.flatnonzero(pairs > 0)
    own = groups.reindex(list(judged.user_ids)).fillna(NOT_SAID)
    single = judged.outcomes.get("accuracy")
    for attribute in own.columns:
        labels = own[attribute].to_numpy(dtype=object)[counted]
        for name, places in pooled(labels, smallest).items():
            mine, rest = counted[places], np.delete(counted, places)
            shared = {"split": judged.split, "shots": None, "seed": ALL_SEEDS}
            shared |= {"setting": setting_text({attribute: name})}
            for metric, found, users in (
                (BY_ATTRIBUTE, _of_group(accuracy, single, mine), mine),
                (FROM_OTHERS, _from_others(accuracy, single, mine, rest), counted),
            ):
                counts = {"n_users": len(users), "n_pairs": int(pairs[users].sum())}
                yield {**shared, "metric": metric, **found, **counts}


def _of_group(accuracy: np.ndarray, single: Outcomes | None, users: np.ndarray) -> dict[str, object]:
    """The columns of the mean of some users' accuracy with its intervals."""
    shared = interval_columns([None if single is None else single.of_users(users)])
    return {**over_users(accuracy[users]).columns(), **shared}


def _from_others(
    accuracy: np.ndarray, single: Outcomes | None, users: np.ndarray, others: np.ndarray
) -> dict[str, object]:
    """The columns of some users' mean accuracy less that of others: twice the mean of the one and the negated other."""
    alone = _twice(combined([accuracy[users], -accuracy[others]]))
    if single is None:
        return {**alone.columns(), "resampled": USERS}
    rest = single.of_users(others)
    both = [single.of_users(users), replace(rest, value=-rest.value)]
    return {**alone.columns(), **columns_of(_twice(over_users_and_items(both)), single.kind, count_items(both))}


def _twice(interval: Interval) -> Interval:
    return Interval(2 * interval.value, 2 * interval.low, 2 * interval.high)
