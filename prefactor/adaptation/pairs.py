"""Reference pairs of some users, as whoever adapts to them takes them: by user, and texts by their row on a shelf."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

Users = slice | Tensor  # some of a batch: a run of them, which is read where it lies, or their numbers


@dataclass(frozen=True)
class UserPairs:
    """N pairs of U users, the users' one after another; each has at least one.

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

    def of(self, users: Users) -> tuple[Tensor, Tensor]:
        """Where some users' pairs begin and how many they are, (u,) each."""
        if isinstance(users, slice):
            start = self.start[users.start : users.stop + 1]
            return start[:-1], start.diff()
        start = self.start[users]
        return start, self.start[users + 1] - start

    def side_by_side(self, users: Users) -> tuple[Tensor, Tensor | None]:
        """(u, n, 2) sides of users' pairs, rows of zeros behind a shorter user's.

        And which of them are real, (u, n) of 1 or 0; None if all are.
        """
        start, count = (values.unsqueeze(-1) for values in self.of(users))
        longest = int(count.max())
        if bool((count == longest).all()):
            if isinstance(users, slice):
                return self.sides[int(start[0]) : int(start[-1]) + longest].view(len(start), longest, 2), None
            return self.sides[start + torch.arange(longest)], None
        place = torch.arange(longest)
        real = place < count
        sides = self.sides[torch.where(real, start + place, start)]
        return torch.where(real.unsqueeze(-1), sides, torch.tensor([0, 1], dtype=sides.dtype)), real.to(torch.float32)

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
