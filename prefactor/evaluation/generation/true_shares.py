"""How much of all that a user truly wants each attribute is, where that is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prefactor.judging.truth import read_tastes
from prefactor.reading import read_object

OF_THEIRS = 0.1  # of all a user wants: an attribute with as much is truly theirs


@dataclass(frozen=True)
class TrueShares:
    """Shares (U, A) in [0, 1] of A attributes, over contexts; 0 for one that no scorer of the world measures.

    ``measured`` are how many of the A the world does measure.
    """

    shares: np.ndarray
    measured: int

    @property
    def theirs(self) -> np.ndarray:
        """(U, A) whether the attribute is truly the user's."""
        return self.shares >= OF_THEIRS


def true_shares(prepared: Path, user_ids: Sequence[str], attributes: Sequence[str]) -> TrueShares | None:
    """Of users of data/prepared/<name>; None where nobody knows what they want."""
    source = read_object(prepared / "source.json")
    if not source.get("truth"):
        return None
    scorers, tastes = list(source["scorers"]), read_tastes(prepared, source)
    columns = [scorers.index(name) if name in scorers else -1 for name in attributes]
    wanted = np.stack([tastes.utilities[user].mean(0) for user in user_ids]).clip(min=0)  # (U,S)
    share = wanted / wanted.sum(1, keepdims=True).clip(min=np.finfo(float).tiny)
    padded = np.pad(share, ((0, 0), (0, 1)))[:, columns]  # the last column: what no scorer measures
    return TrueShares(padded, sum(column >= 0 for column in columns))
