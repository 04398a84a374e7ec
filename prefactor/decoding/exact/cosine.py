"""Exact nearest neighbours by cosine, each query among its own user's keys: matrix products over users side by side."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.errors import InputError
from prefactor.segments import groups_by_length, places

TIE = 1e-6  # cosines as near as this are equal: what rounding makes of prompts with the same embedding
CELLS_PER_CHUNK = 16_000_000  # floats of embeddings, or of cosines, in memory at once


def directions(embeddings: Tensor) -> Tensor:
    """Embeddings (P, E) at length 1, float32, on their device. InputError naming a row that is not finite."""
    if embeddings.dim() != 2:
        raise InputError(f"embeddings of prompts must be a table (P, E), but have shape {tuple(embeddings.shape)}")
    for row in (~torch.isfinite(embeddings).all(1)).nonzero().flatten()[:1].tolist():
        raise InputError(f"the embedding of prompt {row} is not finite: embed the prompts again")
    return F.normalize(embeddings.float(), dim=-1)


def nearest(cosine: Tensor) -> tuple[Tensor, Tensor]:
    """Place (...) of the highest cosine among (..., n), the first of those that are as high, and the cosine."""
    best = cosine.amax(-1)
    return (cosine >= best.unsqueeze(-1) - TIE).to(torch.uint8).argmax(-1), best


def nearest_within(
    queries: Tensor, asker: Tensor, table: Tensor, key: Tensor, holder: Tensor, users: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The nearest key of each query's user; queries of users without keys are left out.

    queries  (N, E) directions          asker   (N,) their users, in [0, U)
    table    (P, E) directions          key     (M,) rows of the table
                                        holder  (M,) the user whose key it is

    Yields rows of ``queries`` (n,), the place of each one's nearest key among the M, and its cosine. Of keys that are
    equally near the first counts.
    """
    _, count = places(asker, users)
    order, start = torch.argsort(asker, stable=True), count.cumsum(0) - count
    held = (count[holder] > 0).nonzero().flatten()  # keys of those who ask
    width = table.shape[1]
    for mine, rows, real in groups_by_length(holder[held], users, lambda n: CELLS_PER_CHUNK // (n * width)):
        own = held[rows]  # (u,n)
        keys = table[key[own]]  # (u,n,E)
        block = max(CELLS_PER_CHUNK // (len(mine) * max(rows.shape[1], width)), 1)
        for part in torch.arange(int(count[mine].max()), device=asker.device).split(block):
            asked = part < count[mine].unsqueeze(-1)  # (u,q)
            number = order[(start[mine].unsqueeze(-1) + part).clamp(max=len(order) - 1)]  # (u,q)
            cosine = queries[number] @ keys.mT  # (u,q,E)@(u,E,n) -> (u,q,n)
            place, best = nearest(cosine.masked_fill(~real.unsqueeze(1), -torch.inf))
            yield number[asked], own.gather(1, place)[asked], best[asked]
