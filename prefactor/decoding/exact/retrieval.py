"""Which of a user's remembered subsets holds for a new prompt: EXACT's Algorithm 2, step 1, for all users at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from prefactor.decoding.exact.cosine import directions, nearest, nearest_within
from prefactor.decoding.exact.library_index import LibraryIndex
from prefactor.decoding.exact.memory import Memory


@dataclass(frozen=True)
class Retrieved:
    """What N prompts bring back from memory.

    subsets  (N, k) attributes, padded with -1
    entry    (N,) row of the memory, -1 where nothing is known of the user: then there are no attributes
    cosine   (N,) similarity of the prompts' embeddings, NaN where none was compared
    """

    subsets: np.ndarray
    entry: np.ndarray
    cosine: np.ndarray

    @property
    def prior(self) -> np.ndarray:
        """(N,) True where the user had no pairs to learn from."""
        return self.entry < 0


class Recall(Protocol):
    """A memory that can be asked about prompts."""

    memory: Memory

    def find(self, segment: np.ndarray, queries: Tensor) -> Retrieved:
        """For N prompts, by their users (N,) and embeddings (N, E)."""
        ...


class OneForAll:
    """Each user's only entry, whatever the prompt."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def find(self, segment: np.ndarray, queries: Tensor) -> Retrieved:
        """The entry of each prompt's user (N,); embeddings are not looked at."""
        row = np.full(self.memory.users, -1)
        row[self.memory.segment] = np.arange(len(self.memory))
        entry = row[segment]
        return Retrieved(self.memory.subset_of(entry), entry, np.full(len(entry), np.nan, dtype=np.float32))


class PromptIndex:
    """The nearest prompt of a user by the cosine of embeddings, exactly by a matrix product.

    A user with ``library_from`` prompts or more has a library's approximate index, kept as the memory grows, whose
    candidates are then compared exactly. Of prompts that are equally near the lowest number counts.
    """

    def __init__(self, memory: Memory, table: Tensor, library_from: int) -> None:
        """``table`` (P, E) holds the prompts' :func:`directions`; it says on which device to compare them."""
        self.memory = memory
        self._table = table
        self._library_from = library_from
        self._libraries: dict[int, LibraryIndex] = {}
        self._fill_libraries()

    def append(self, more: Memory) -> None:
        """Remember ``more``, too: as if all had been remembered at once."""
        self.memory = self.memory.append(more)
        self._fill_libraries()

    def find(self, segment: np.ndarray, queries: Tensor) -> Retrieved:
        """The nearest entry of each prompt's user, for users (N,) and embeddings (N, E)."""
        queries = directions(queries.to(self._table.device))
        asker = torch.from_numpy(segment).to(queries.device)
        entry, cosine = asker.new_full((len(asker),), -1), queries.new_full((len(asker),), torch.nan)
        for rows, found, best in (*self._exact(asker, queries), *self._approximate(asker, queries)):
            entry[rows], cosine[rows] = found, best
        place = entry.cpu().numpy()
        return Retrieved(self.memory.subset_of(place), place, cosine.cpu().numpy())

    def _exact(self, asker: Tensor, queries: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Rows of ``queries``, their entry and its cosine, for users without a library index."""
        mine = ~torch.isin(asker, asker.new_tensor([*self._libraries]))
        rows = mine.nonzero().flatten()
        prompt, holder = (torch.from_numpy(own).to(asker.device) for own in (self.memory.prompt, self.memory.segment))
        near = nearest_within(queries[rows], asker[rows], self._table, prompt, holder, self.memory.users)
        for number, entry, cosine in near:
            yield rows[number], entry, cosine

    def _approximate(self, asker: Tensor, queries: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """As :meth:`_exact`, for users with a library index, one after another: they are few."""
        for user, library in self._libraries.items():
            rows = (asker == user).nonzero().flatten()
            if not len(rows):
                continue
            near = library.near(queries[rows].cpu().numpy())  # (q,c) prompts
            first, own = self._prompts_of(user)
            place, best = nearest(torch.einsum("qe,qce->qc", queries[rows], self._table[torch.from_numpy(near)]))
            entry = torch.from_numpy(first + np.searchsorted(own, near)).to(asker.device)  # (q,c)
            yield rows, entry.gather(1, place.unsqueeze(-1)).squeeze(-1), best

    def _prompts_of(self, user: int) -> tuple[int, np.ndarray]:
        """First row of a user's entries, and their prompts, ascending."""
        first, last = np.searchsorted(self.memory.segment, [user, user + 1]).tolist()
        return first, self.memory.prompt[first:last]

    def _fill_libraries(self) -> None:
        """Library indexes of the users who have enough prompts, with the prompts that they lack."""
        count = np.bincount(self.memory.segment, minlength=self.memory.users)
        for user in np.flatnonzero(count >= self._library_from).tolist():
            if user not in self._libraries:
                self._libraries[user] = LibraryIndex(self._table.shape[1])
            prompts = self._prompts_of(user)[1]
            self._libraries[user].add(prompts, self._table[torch.from_numpy(prompts)].cpu().numpy())
