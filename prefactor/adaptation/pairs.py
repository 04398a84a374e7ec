"""Reference pairs of some users, as whoever adapts to them takes them: by user, and texts by their row on a shelf."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor


@dataclass(frozen=True)
class UserPairs:
    """N pairs of U users, the users' one after another.

    sides   (N, 2) int32, the rows of y+ and of y- on a shelf (``shelf.Shelf``): two a text, by its side of a pair
    start   (U + 1,) int64, where each user's pairs begin, and N
    """

    sides: Tensor
    start: Tensor

    def __len__(self) -> int:
        return len(self.sides)

    @property
    def n_users(self) -> int:
        return len(self.start) - 1

    @property
    def count(self) -> Tensor:
        """(U,) pairs of each user."""
        return self.start.diff()

    def blocks(self, most: int) -> "list[tuple[slice, UserPairs]]":
        """The users in order, as many at a time as have ``most`` pairs or a few more; one user's are never apart."""
        marks = torch.searchsorted(self.start, torch.arange(0, len(self), most))
        bounds = torch.cat([marks, torch.tensor([self.n_users])]).unique().tolist()
        found = []
        for first, last in pairwise(bounds):
            start = self.start[first : last + 1]
            sides = self.sides[int(start[0]) : int(start[-1])]
            found.append((slice(first, last), UserPairs(sides, start - start[0])))
        return found
