"""Which items of a person's profile are nearest to a query: by the cosine of their prompts' embeddings."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from prefactor.datasets.lamp.person import Item
from prefactor.decoding.exact.cosine import TIE, directions
from prefactor.decoding.policies.queries import Query

Embed = Callable[[Sequence[str]], Tensor]  # N prompts -> (N, E)


class Embeddings:
    """Directions of prompts, each embedded once."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._place: dict[str, int] = {}
        self._table: Tensor | None = None

    def __call__(self, prompts: Sequence[str]) -> Tensor:
        """(N, E) at length 1."""
        new = [prompt for prompt in dict.fromkeys(prompts) if prompt not in self._place]
        if new:
            found = directions(self._embed(new))
            self._place |= {prompt: len(self._place) + row for row, prompt in enumerate(new)}
            self._table = found if self._table is None else torch.cat([self._table, found])
        if self._table is None:
            return torch.zeros(0, 1)
        return self._table[torch.tensor([self._place[prompt] for prompt in prompts], dtype=torch.int64)]


def nearest_items(queries: Sequence[Query], embeddings: Embeddings, count: int) -> list[list[Item]]:
    """The ``count`` items of each query that are nearest to it, the nearest first; fewer where there are fewer.

    Of equally near ones the first of the profile.
    """
    every = [prompt for query in queries for prompt in (query.prompt, *(item.prompt for item in query.items))]
    embeddings(every)  # in one go
    return [_nearest(query, embeddings, count) for query in queries]


def _nearest(query: Query, embeddings: Embeddings, count: int) -> list[Item]:
    if not query.items:
        return []
    keys = embeddings([item.prompt for item in query.items])  # (I,E)
    cosine = keys @ embeddings([query.prompt])[0]  # (I,E)@(E,) -> (I,)
    order = torch.argsort((cosine / TIE).round(), descending=True, stable=True)
    return [query.items[place] for place in order[:count].tolist()]
