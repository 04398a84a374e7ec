"""Training episodes: seen users by batches, each user's training pairs split afresh into C_u and D_u."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from prefactor.preferences import PairBatch


@dataclass(frozen=True)
class EpisodeParameters:
    """How a step's batch is drawn.

    users_per_step     users in a step
    reference          size of C_u in an episode: a fixed count (PersonalLLM: 9), a share of the user's pairs (PRISM: a
                       third), or ``log-uniform`` in 1 .. n-1. A fixed count meets other sizes unprepared at evaluation,
                       a random one does not. At least one pair is left for D_u.
    apart              a pair of D_u that has a response of the user's C_u in it is left out of the episode: where
                       evaluation asks about new responses alone, what was said of these must not pay. A batch that
                       would have no other is taken whole
    """

    users_per_step: int = 8
    reference: int | float | Literal["log-uniform"] = 9
    apart: bool = False

    def __post_init__(self) -> None:
        if self.users_per_step < 1:
            raise ValueError(f"users_per_step must be at least 1, got {self.users_per_step}")
        if isinstance(self.reference, float) and not 0 < self.reference < 1:
            raise ValueError(f"a share of pairs must lie in (0, 1), got {self.reference}")


def episodes(known: PairBatch, parameters: EpisodeParameters, generator: torch.Generator) -> Iterator[PairBatch]:
    """Endless batches of users, every user once per epoch, with the ``reference`` mask of each episode.

    ``known`` holds the training pairs of all users, ordered by user.
    """
    count = known.pairs_per_user()
    start = count.cumsum(0) - count
    while True:
        order = torch.randperm(known.n_users, generator=generator)
        for users in order.split(parameters.users_per_step):
            yield _episode(known, users, start[users], count[users], parameters, generator)


def _episode(
    known: PairBatch,
    users: Tensor,
    start: Tensor,
    count: Tensor,
    parameters: EpisodeParameters,
    generator: torch.Generator,
) -> PairBatch:
    segment = torch.repeat_interleave(torch.arange(len(users)), count)  # (N,)
    offset = torch.arange(len(segment)) - (count.cumsum(0) - count)[segment]  # place within the user
    rows = start[segment] + offset
    size = reference_sizes(count, parameters.reference, generator)
    episode = replace(
        known.select(rows),
        segment=segment,
        users=known.users[users],
        reference=_random_rank(segment, count, generator) < size[segment],
    )
    return (_with_new_targets(episode) if parameters.apart else episode).compact()


def _with_new_targets(episode: PairBatch) -> PairBatch:
    """Without the target pairs that have a response of the same user's reference pairs, unless that is all of them."""
    assert episode.reference is not None
    chosen, rejected = (episode.segment * len(episode.responses) + side for side in (episode.chosen, episode.rejected))
    told = torch.cat([side[episode.reference] for side in (chosen, rejected)])
    new = ~(episode.reference | torch.isin(chosen, told) | torch.isin(rejected, told))
    return episode.select(episode.reference | new) if new.any() else episode


def reference_sizes(count: Tensor, rule: int | float | str, generator: torch.Generator) -> Tensor:
    """(U,) sizes of C_u for users with ``count`` (U,) pairs: at least 1, and at least one pair left over."""
    most = (count - 1).clamp(min=0)
    if rule == "log-uniform":
        drawn = torch.rand(len(count), generator=generator)
        size = torch.exp(drawn * count.to(drawn.dtype).clamp(min=1).log()).floor().long()
    elif isinstance(rule, float):
        size = (rule * count).round().long()
    else:
        size = torch.full_like(count, int(rule))
    return size.clamp(min=1).minimum(most)


def _random_rank(segment: Tensor, count: Tensor, generator: torch.Generator) -> Tensor:
    """(N,) a random permutation of 0 .. n-1 within each user; ``segment`` is ascending."""
    order = torch.argsort(segment + torch.rand(len(segment), generator=generator, dtype=torch.float64))
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(segment)) - (count.cumsum(0) - count)[segment]
    return rank
