"""What EXACT remembers of users: a subset of attributes for each of their prompts."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from prefactor.decoding.exact.objective import NONE

ANY_PROMPT = -1  # the prompt of an entry that holds for all of a user's prompts


@dataclass(frozen=True)
class Memory:
    """M entries of U users, by user, then prompt; at most one per user and prompt.

    users      U, with those of whom nothing is remembered
    segment    (M,) the entry's user
    prompt     (M,) its prompt's number, -1 where it holds for every prompt
    subsets    (M, k) attributes in the order in which they were chosen, padded with -1
    objective  (M,) Eq. (11) with the subset, in nats
    gain       (M,) what the subset adds over no attributes, in nats
    """

    users: int
    segment: np.ndarray
    prompt: np.ndarray
    subsets: np.ndarray
    objective: np.ndarray
    gain: np.ndarray

    def __len__(self) -> int:
        return len(self.segment)

    @classmethod
    def of(
        cls,
        users: int,
        segment: np.ndarray,
        prompt: np.ndarray,
        subsets: np.ndarray,
        objective: np.ndarray,
        gain: np.ndarray,
    ) -> Self:
        """Of a user's repeated prompt the subset with the largest objective is kept (Section 4.1).

        Of equally good ones that of lower numbers: entries do not depend on the order of the pairs.
        """
        order = np.lexsort([gain, *subsets.T[::-1], -objective, prompt, segment])
        key = np.column_stack([segment, prompt])[order]
        first = np.append(True, (key[1:] != key[:-1]).any(1))[: len(key)]
        kept = order[first]
        return cls(users, segment[kept], prompt[kept], subsets[kept], objective[kept], gain[kept])

    def append(self, more: Self) -> Self:
        """With the entries of ``more``, of the same users or more of them: as if all had been kept at once."""
        names = ("segment", "prompt", "subsets", "objective", "gain")
        joined = [np.concatenate([getattr(self, name), getattr(more, name)]) for name in names]
        return self.of(max(self.users, more.users), *joined)

    def subset_of(self, entry: np.ndarray) -> np.ndarray:
        """Subsets (N, k) of entries (N,); no attributes for entry -1."""
        nothing = np.full((1, self.subsets.shape[1]), NONE)
        return np.concatenate([self.subsets, nothing])[entry]  # entry -1 is the last row

    def selected(self, attributes: int) -> np.ndarray:
        """(U, A) how many of a user's entries each attribute of a library is in."""
        cell = (self.segment[:, None] * attributes + self.subsets)[self.subsets != NONE]
        return np.bincount(cell, minlength=self.users * attributes).reshape(self.users, attributes)
