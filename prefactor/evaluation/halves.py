"""Two splits of the same people, one with the ends of the order exchanged: pooled, every user is unseen once.

A half has half the users, and intervals to match: what holds of all of them may be told from chance in neither. Each
user's figures are those of the half that they are unseen (or seen) in, by models that were trained on that half's seen
users; users of both halves count as one group. That the users of a half share a model is in no interval, here as there.

There is no overall figure: whoever is seen in one half is unseen in the other, so the two are not of different people.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from prefactor.cohorts import PARTS, load_cohorts
from prefactor.evaluation.accuracy import UserFigures
from prefactor.evaluation.items import Condition, Kind, Outcomes
from prefactor.evaluation.labels import TextRows
from prefactor.evaluation.results import PER_USER, Judged, in_schema, result_rows

JOINER = " + "  # between the datasets' names in the name of what is pooled
HARMLESS = ("reverse", "memory_limit")  # parameters of a split that halves may differ in
Names = Mapping[str, np.ndarray]  # by split: what the number of an item stands for


class Halves(NamedTuple):
    """The datasets of the two splits, the one with the users' order reversed last."""

    first: str
    second: str

    @property
    def name(self) -> str:
        """What stands for a dataset where both are pooled."""
        return JOINER.join(self)


def halves_of(dataset: str) -> tuple[str, ...]:
    """The datasets that a pooled one is made of; none for a dataset of its own."""
    parts = tuple(dataset.split(JOINER))
    return parts if len(parts) > 1 else ()


def find_halves(manifests: Mapping[str, Mapping[str, Any]]) -> list[Halves]:
    """Datasets whose splits, by their manifests, are of the same prepared data and differ in ``reverse`` alone."""
    plain, turned = ({name: own for name, own in manifests.items() if _reversed(own) == way} for way in (False, True))
    found = ((name, other) for name, own in plain.items() for other in turned if _same(own, turned[other]))
    return [Halves(*pair) for pair in found]


def pooled_users(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Per-user tables (``results.per_user_table``) of both halves as one: of the splits that no user is in twice."""
    once = [split for split in first["split"].unique() if _disjoint(first, second, split)]
    both = pd.concat([first, second], ignore_index=True)
    return both[both["split"].isin(once)].reset_index(drop=True)


def pooled_outcomes(
    first: Mapping[Condition, Outcomes], second: Mapping[Condition, Outcomes], names: tuple[Names, Names]
) -> dict[Condition, Outcomes]:
    """Single pairs of both halves as one: users are numbered on, items by what they are in ``names``."""
    return {at: _joined((first[at], names[0][at[0]]), (second[at], names[1][at[0]])) for at in first if at in second}


def pooled_rows(
    users: pd.DataFrame, outcomes: Mapping[Condition, Outcomes], identity: Mapping[str, str]
) -> pd.DataFrame:
    """Result rows of a pooled per-user table: every metric that is a mean over users, by seed and over seeds.

    Calibration errors are not among them: they are of single probabilities, which such a table has not got.
    """
    conditions = users.groupby(["split", "shots"], dropna=False)
    groups = [_judged(str(split), shots, rows, outcomes) for (split, shots), rows in conditions]
    rows = [result_rows([group], {"setting": "", **identity}) for group in groups]
    return in_schema(pd.concat(rows, ignore_index=True))


def item_names(split: Path, kind: Kind) -> dict[str, np.ndarray]:
    """By split, what the items' numbers in ``Outcomes`` stand for: groups' ids for prompts, texts' ids for items."""
    pairs = pq.read_table(split / "pairs.parquet").to_pandas()
    texts = pd.Index(pd.unique(pairs[["chosen", "rejected"]].to_numpy().ravel()))
    cohorts = load_cohorts(split, {"text": TextRows(texts)})
    if kind == "items":
        place = cohorts["seen"].pairs.responses.views["text"].flatten().numpy()  # all roles share the responses
        return {role: texts.to_numpy(object)[place] for role in cohorts}
    known = pairs.set_index(["user_id", "part", "rank"])["group_id"]
    found = {}
    for role, cohort in cohorts.items():
        users = np.array(cohort.user_ids, dtype=object)[cohort.pairs.segment.numpy()]
        parts = np.array(PARTS, dtype=object)[cohort.part.numpy()]
        keys = pd.MultiIndex.from_arrays([users, parts, cohort.rank.numpy()])
        assert cohort.group is not None  # or there were no outcomes by prompt
        number = cohort.group.numpy()
        names = np.full(number.max(initial=-1) + 1, None, dtype=object)
        names[number] = known.loc[keys].to_numpy()
        found[role] = names
    return found


def _reversed(manifest: Mapping[str, Any]) -> bool:
    return bool(manifest.get("parameters", {}).get("reverse", False))


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Of the same rows, by their checksums, and with the same parameters but for those that halves may differ in."""
    sources = [manifest.get("checksums", {}).get("input") for manifest in (one, other)]
    return bool(sources[0]) and sources[0] == sources[1] and _kept(one) == _kept(other)


def _kept(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest["parameters"].items() if key not in HARMLESS}


def _disjoint(first: pd.DataFrame, second: pd.DataFrame, split: str) -> bool:
    mine, others = (set(table.loc[table["split"] == split, "user_id"]) for table in (first, second))
    return bool(mine) and bool(others) and not mine & others


def _joined(*halves: tuple[Outcomes, np.ndarray]) -> Outcomes:
    first = halves[0][0]
    own = [names[outcomes.items] for outcomes, names in halves]  # (N,M) ids
    items = np.unique(np.concatenate(own), return_inverse=True)[1].reshape(-1, first.items.shape[1])
    offset = int(first.user.max(initial=-1)) + 1
    value = np.concatenate([outcomes.value for outcomes, _ in halves])
    user = np.concatenate([first.user, halves[1][0].user + offset])
    return Outcomes(value, user, np.sort(items, 1), first.kind)


def _judged(split: str, shots: object, rows: pd.DataFrame, outcomes: Mapping[Condition, Outcomes]) -> Judged:
    size = None if pd.isna(shots) else int(shots)  # type: ignore[call-overload]
    seeds: Iterable[tuple[Any, pd.DataFrame]] = rows.groupby("seed", sort=True)
    by_seed = {str(seed): own.sort_values("user_id") for seed, own in seeds}
    figures = {
        seed: UserFigures(pairs=own["pairs"].to_numpy(), **{name: own[name].to_numpy() for name in PER_USER})
        for seed, own in by_seed.items()
    }
    names, pairs = tuple(next(iter(by_seed.values()))["user_id"]), outcomes.get((split, size))
    return Judged(split, size, names, figures, outcomes={"accuracy": pairs} if pairs else {})
