"""The gold utility: what a user of stylebench truly thinks of any text, whoever or whatever wrote it.

The ten scorers read the text; the scores are standardised as those of the dataset's own responses were, and weighed
with the user's true vector in the prompt's context. So a candidate of the pool has the utility that its user chose by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from prefactor.datasets.stylebench.scorers import SCORERS, score
from prefactor.errors import InputError
from prefactor.judging.truth import TrueTastes, read_tastes
from prefactor.reading import read_object


@dataclass(frozen=True)
class GoldUtility:
    """The truth of one prepared dataset.

    tastes   what its users want of S scores
    columns  (S,) which scorer each score is, by place in SCORERS
    scaling  (2, S) mean and standard deviation that raw scores are standardised with
    place    the dataset's folder, for messages
    """

    tastes: TrueTastes
    columns: np.ndarray
    scaling: np.ndarray
    place: Path

    @classmethod
    def find(cls, prepared: Path) -> Self | None:
        """As ``of``; None where nobody knows what users want of any text."""
        return cls.of(prepared) if _judges_any_text(_source(prepared)) else None

    @classmethod
    def of(cls, prepared: Path) -> Self:
        """Of data/prepared/<name>. InputError if its truth is unknown, or not of texts that anyone could write."""
        source = _source(prepared)
        if not _judges_any_text(source):
            raise InputError(
                f"{prepared} has no gold utility: its source does not know what users want of any text, as stylebench "
                "does: compare responses by a judge model there, or choose a stylebench dataset"
            )
        scaling, names = source["scaling"], source["scorers"]
        columns = np.array([list(SCORERS).index(name) for name in names])
        return cls(read_tastes(prepared, source), columns, np.array([scaling[name] for name in names]).T, prepared)

    def utilities(self, user_ids: Sequence[str], group_ids: Sequence[str], texts: Sequence[str]) -> np.ndarray:
        """(N,) float64: of text n for user n, at the prompt whose group is named; each different text is scored once.

        In units of the standardised scores, so comparable within a user. A prompt that is not the dataset's (a group it
        does not have) has a context only where the user wants the same in all. InputError for a user it does not have.
        """
        rows = zip(user_ids, group_ids, strict=True)
        weights = [self._weight(row, user, group) for row, (user, group) in enumerate(rows, 1)]
        weight = np.array(weights, dtype=np.float64).reshape(len(weights), len(self.columns))
        return np.einsum("ns,ns->n", weight, self.scores(texts))

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """(N, S) standardised scores."""
        number: dict[str, int] = {}
        rows = [number.setdefault(text, len(number)) for text in texts]
        raw = score(number)[:, self.columns]  # (T,S)
        return ((raw - self.scaling[0]) / self.scaling[1])[rows]

    def _weight(self, row: int, user: str, group: str) -> np.ndarray:
        """(S,) the user's vector there. A row is named, not the user: ids are not for logs."""
        mine = self.tastes.utilities.get(user)
        if mine is None:
            raise InputError(
                f"row {row}: the user is none of the {len(self.tastes.utilities):,} of {self.place}: "
                "take users and texts from the same dataset, or rerun stage prepare"
            )
        context = self.tastes.context_of.get(group)
        if context is None and (mine != mine[0]).any():
            raise InputError(
                f"row {row}: the prompt is none of {self.place}, and what its users want depends on the prompt's "
                "topic: choose a prompt of the dataset, or a world without topic_shift"
            )
        return mine[context or 0]


def _source(prepared: Path) -> dict[str, Any]:
    return read_object(prepared / "source.json", "run stage prepare")


def _judges_any_text(source: Mapping[str, Any]) -> bool:
    """Whether users' tastes are known in scores that any text has."""
    names = source.get("scorers") or []
    return bool(source.get("truth") and names and set(names) <= set(SCORERS) & set(source.get("scaling", {})))
