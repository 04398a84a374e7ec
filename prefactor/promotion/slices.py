"""Is anybody clearly worse off? Groups of users, and everyone when little is known of them.

Users are grouped by what they said of themselves, by how many reference pairs they gave (thirds), and by how uncertain
the champion was of them (thirds). A group is harmed where its difference is below 0 with confidence, by more than the
tolerance if one is set. Many groups are looked at, and each is allowed its part of the error (Bonferroni): all together
see harm where there is none with a probability of at most ``level``.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from prefactor.cohorts import Cohort
from prefactor.errors import InputError
from prefactor.evaluation.ranking import THIRDS, in_thirds
from prefactor.evaluation.slices import NOT_SAID, pooled, read_groups
from prefactor.promotion.difference import Difference, difference
from prefactor.promotion.evaluation_set import EvaluationSet
from prefactor.promotion.parameters import SlicesGate
from prefactor.promotion.score import Score, Shots
from prefactor.reading import read_object


@dataclass(frozen=True)
class Slice:
    """Some users, by number (all for None), known by so many reference pairs."""

    name: str
    users: np.ndarray | None = None
    shots: Shots = None


def slices_of(evaluation: EvaluationSet, cohort: Cohort, champion: Score, gate: SlicesGate) -> list[Slice]:
    """The slices of an evaluation set that are large enough to be looked at."""
    judged = ~np.isnan(champion.accuracy[None])
    counted = np.flatnonzero(judged)
    known = cohort.known().pairs_per_user().numpy()
    found = [
        Slice(f"known by {size} pair{'s' * (size > 1)}", shots=size)
        for size in gate.shots
        if size < known.max(initial=0)
    ]
    found += _by_activity(known, counted, gate.smallest)
    for name, users in in_thirds(champion.uncertainty, judged).items():
        found += [Slice(f"the champion's uncertainty: {name}", users)] if len(users) >= gate.smallest else []
    groups = _groups(evaluation, gate).reindex(list(cohort.user_ids)).fillna(NOT_SAID)
    for attribute in groups.columns:
        labels = groups[attribute].to_numpy(dtype=object)[counted]
        for name, places in pooled(labels, gate.smallest).items():
            found.append(Slice(f"{attribute}: {name}", counted[places]))
    return found


def slice_table(slices: Sequence[Slice], champion: Score, challenger: Score, gate: SlicesGate) -> pd.DataFrame:
    """A row per slice: its accuracies, the difference with its 95 % interval, and whether its users are harmed.

    ``at_most`` is the bound of the difference that counts, as sure as the number of slices asks for.
    """
    differences = {each.name: difference(champion, challenger, each.shots, each.users) for each in slices}
    known = {name: found for name, found in differences.items() if found is not None}
    level = gate.level / max(len(known), 1)
    rows = [
        {
            "slice": each.name,
            "users": known[each.name].users,
            "pairs": known[each.name].pairs,
            "champion": champion.mean(each.shots, each.users),
            "challenger": challenger.mean(each.shots, each.users),
            **_columns(known[each.name], level, gate.tolerance),
        }
        for each in slices
        if each.name in known
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = [
    "slice",
    "users",
    "pairs",
    "champion",
    "challenger",
    "difference",
    "ci_low",
    "ci_high",
    "resampled",
    "at_most",
    "harmed",
]


def _columns(found: Difference, level: float, tolerance: float) -> Mapping[str, object]:
    bound = found.at_most(level)
    return {
        "difference": found.value,
        "ci_low": found.interval.low,
        "ci_high": found.interval.high,
        "resampled": found.resampled,
        "at_most": bound,
        "harmed": bound < -tolerance,
    }


def _groups(evaluation: EvaluationSet, gate: SlicesGate) -> pd.DataFrame:
    """Users' groups by the attributes asked for, else by all of which the source says that they describe people."""
    if evaluation.dataset in gate.attributes:
        return read_groups(evaluation.prepared, gate.attributes[evaluation.dataset])
    frames = []
    for name in read_object(evaluation.prepared / "source.json").get("attributes", []):
        with suppress(InputError):  # lists and the like make no groups
            frames.append(read_groups(evaluation.prepared, [name]))
    return pd.concat(frames, axis=1) if frames else pd.DataFrame()


def _by_activity(known: np.ndarray, counted: np.ndarray, smallest: int) -> Iterator[Slice]:
    """Thirds by the number of reference pairs; all who gave as many are in the same one."""
    if not len(counted):
        return
    ends = np.quantile(known[counted], [1 / 3, 2 / 3], method="inverted_cdf")
    place = np.searchsorted(ends, known[counted])  # an end belongs to the third below it
    for places in pooled([THIRDS[third] for third in place], smallest).values():
        users = counted[places]
        least, most = known[users].min(), known[users].max()
        yield Slice(f"reference pairs: {least}" + (f" to {most}" if most > least else ""), users)
