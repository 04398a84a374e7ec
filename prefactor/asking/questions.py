"""The questions to ask next: every pair of a pool is scored for every user, some of both at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from prefactor.asking.belief import WeightBelief, pair_differences, weight_belief
from prefactor.asking.criteria import CRITERIA, INFORMATION, Criterion
from prefactor.asking.pool import Pool
from prefactor.errors import InputError
from prefactor.methods.base import RewardModel, UserState
from prefactor.parameters import nearest

NOTHING = -1  # the row of a user for whom no pair is left
PAIRS_AT_ONCE = 512
CELLS_AT_ONCE = 300_000  # of users, pairs and weights: bounds the memory that judging takes
FUTURES = 16  # that ``ask_several`` tells apart, the likeliest: all ways to answer four questions


@torch.no_grad()
def scores(
    criterion: str, model: RewardModel, users: UserState, pool: Pool, generator: torch.Generator | None = None
) -> Tensor:
    """(U, N) scores of the pool's pairs for every user; the greatest is the one to ask.

    ``generator`` is what ``random`` draws from. InputError for a criterion or a method that there is none of.
    """
    return torch.cat([found for _, found in _parts(_named(criterion), model, users, pool, generator)])


@torch.no_grad()
def ask(
    model: RewardModel,
    users: UserState,
    pool: Pool,
    asked: Tensor,
    criterion: str = INFORMATION,
    generator: torch.Generator | None = None,
) -> Tensor:
    """(U,) rows of the pool: the best pair for each user, the first of equals, that was not ``asked`` (U, N).

    NOTHING for a user who has been asked everything.
    """
    parts = _parts(_named(criterion), model, users, pool, generator)
    return torch.cat([best_row(found, asked[rows]) for rows, found in parts])


@torch.no_grad()
def ask_several(
    model: RewardModel,
    users: UserState,
    pool: Pool,
    asked: Tensor,
    count: int,
    criterion: str = INFORMATION,
    generator: torch.Generator | None = None,
) -> Tensor:
    """(U, count) rows of the pool to be asked together, the best first; NOTHING where none is left.

    The first is that of ``ask``. Each further one is best on average over the ways in which those before it may be
    answered (BatchBALD: Kirsch et al. 2019), so that near-duplicates of a pair fall behind. At random all are drawn.
    """
    chosen, taken = [ask(model, users, pool, asked, criterion, generator)], asked.clone()
    named = _named(criterion)
    ahead = None if named.score is None else _Ahead.of(weight_belief(model, users), _differences(model, pool))
    while len(chosen) < count:
        row, known = chosen[-1], chosen[-1] != NOTHING
        taken[known, row[known]] = True
        if ahead is None:
            chosen.append(ask(model, users, pool, taken, criterion, generator))
        else:
            ahead = ahead.asked(row)  # of who is left with nothing too: they stay so
            chosen.append(torch.cat([best_row(found, taken[rows]) for rows, found in ahead.scores(named)]))
    return torch.stack(chosen, 1)


@dataclass(frozen=True)
class _Ahead:
    """What will be believed in each of F futures, U F rows, user by user, and their chances (U, F); ``difference`` is
    that of all pairs."""

    belief: WeightBelief
    chance: Tensor
    difference: Tensor

    @classmethod
    def of(cls, belief: WeightBelief, difference: Tensor) -> Self:
        """The one present."""
        return cls(belief, torch.ones_like(belief.share[:, :1]), difference)

    def asked(self, row: Tensor) -> Self:
        """The futures once each user will have answered the pair in their row (U,)."""
        users, futures = self.chance.shape
        answer, belief = self.belief.after(self.difference[row].repeat_interleave(futures, 0))
        chance = (self.chance.unsqueeze(-1) * answer.view(users, futures, 2)).flatten(1)  # (U,2F)
        if 2 * futures <= FUTURES:
            return type(self)(belief, chance, self.difference)
        kept, likeliest = chance.topk(FUTURES, 1)  # (U,F)
        rows = likeliest + 2 * futures * torch.arange(users, device=row.device).unsqueeze(-1)
        return type(self)(belief.users(rows.flatten()), kept, self.difference)

    def scores(self, criterion: Criterion) -> Iterator[tuple[slice, Tensor]]:
        """Some users at a time, and the mean scores (u, N) of all pairs over their futures."""
        users, futures = self.chance.shape
        for first in range(0, users, PAIRS_AT_ONCE):
            rows = slice(first, min(first + PAIRS_AT_ONCE, users))
            mine = self.belief.users(slice(rows.start * futures, rows.stop * futures))
            found = torch.zeros(rows.stop - rows.start, len(self.difference), device=self.difference.device)
            owner = torch.arange(len(mine), device=found.device) // futures
            for part, each in _judged(criterion, mine, self.difference):
                found.index_add_(0, owner[part], self.chance[rows].flatten()[part].unsqueeze(-1) * each)
            yield rows, found


def _named(criterion: str) -> Criterion:
    if criterion not in CRITERIA:
        raise InputError(f"unknown criterion {criterion!r}{nearest(criterion, CRITERIA, 'criteria')}")
    return CRITERIA[criterion]


def _parts(
    criterion: Criterion, model: RewardModel, users: UserState, pool: Pool, generator: torch.Generator | None
) -> Iterator[tuple[slice, Tensor]]:
    """Some users at a time, and the scores (u, N) of all pairs for them."""
    if criterion.score is None:
        return _drawn(len(users), len(pool), generator)
    return _judged(criterion, weight_belief(model, users), _differences(model, pool))


def _drawn(users: int, pairs: int, generator: torch.Generator | None) -> Iterator[tuple[slice, Tensor]]:
    if generator is None:
        raise ValueError("random draws from a generator: give it one")
    yield slice(0, users), torch.rand(users, pairs, generator=generator, device=generator.device)


def _judged(criterion: Criterion, belief: WeightBelief, difference: Tensor) -> Iterator[tuple[slice, Tensor]]:
    assert criterion.score is not None
    pairs = difference.split(PAIRS_AT_ONCE)
    at_once = max(CELLS_AT_ONCE // (belief.size * max(len(part) for part in pairs)), 1)
    for first in range(0, len(belief), at_once):
        rows = slice(first, first + at_once)
        some = belief.users(rows)
        yield rows, torch.cat([criterion.score(some.margins(part)) for part in pairs], 1)


def _differences(model: RewardModel, pool: Pool) -> Tensor:
    """(N, R) or (N, R + 1) of the pool's pairs, as ``WeightBelief.margins`` reads them."""
    return pair_differences(model, pool.basis(model), pool.first, pool.second)


def best_row(found: Tensor, asked: Tensor) -> Tensor:
    """(u, N) scores, and who was asked what, to (u,) rows: the greatest, the first of equals, NOTHING for none."""
    left = found.masked_fill(asked, -torch.inf)
    best, row = left.max(1)
    return torch.where(best > -torch.inf, row, NOTHING)
