"""Small worlds with known preferences, for tests of methods, training and evaluation."""

from dataclasses import replace

import torch

from prefactor.cohorts import PARTS, ROLES, Cohort
from prefactor.preferences import PairBatch, Responses
from prefactor.surface import FEATURES

WIDTH = 12
TASTES = 4


def make_pairs(users: int, pairs: int, seed: int = 0, responses: int = 60, seen: bool = False) -> PairBatch:
    """Users with one of TASTES linear tastes each, comparing random responses; labels are noiseless.

    Tastes are for ``states``; ``surface`` and ``likelihood`` are noise.
    """
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(responses, WIDTH, generator=torch.Generator().manual_seed(99))
    taste = torch.randn(TASTES, WIDTH, generator=torch.Generator().manual_seed(98))
    mine = torch.randint(TASTES, (users,), generator=generator)
    segment = torch.repeat_interleave(torch.arange(users), pairs)
    first = torch.randint(responses, (len(segment),), generator=generator)
    second = (first + torch.randint(1, responses, (len(segment),), generator=generator)) % responses
    surface = torch.randn(responses, len(FEATURES), generator=torch.Generator().manual_seed(97))
    tokens = torch.randint(1, 30, (responses,), generator=torch.Generator().manual_seed(96))
    log_probability = -tokens * torch.rand(responses, generator=torch.Generator().manual_seed(95))
    views = {"states": states, "surface": surface, "likelihood": torch.stack([log_probability, tokens], 1)}
    scores = states @ taste.T  # (T,TASTES)
    margin = scores[first, mine[segment]] - scores[second, mine[segment]]  # (N,)
    better = margin > 0
    return PairBatch(
        responses=Responses(views, torch.arange(responses)),
        chosen=torch.where(better, first, second),
        rejected=torch.where(better, second, first),
        segment=segment,
        users=torch.arange(users) if seen else torch.full((users,), -1),
        margin=margin.abs(),
    )


def make_cohort(role: str, users: int, seed: int, known: int = 10, held: int = 6) -> Cohort:
    """A cohort with ``known`` known pairs a user, and ``held`` pairs in each held-out part of its role."""
    parts = {
        "seen": [("train", known), ("validation", held), ("evaluation", held)],
        "validation": [("reference", known), ("validation", held)],
        "unseen": [("reference", known), ("evaluation", held)],
    }[role]
    pairs = make_pairs(users, sum(size for _, size in parts), seed, seen=role == "seen")
    part = torch.cat([torch.full((size,), PARTS.index(name)) for name, size in parts]).repeat(users)
    rank = torch.cat([torch.arange(size) for _, size in parts]).repeat(users)
    return Cohort(role, tuple(f"{role}-{number}" for number in range(users)), pairs, part, rank)


def make_cohorts(users: int = 40) -> dict[str, Cohort]:
    """All three roles."""
    return {role: make_cohort(role, users, seed) for seed, role in enumerate(ROLES)}


def without_users(pairs: PairBatch, kept: torch.Tensor) -> PairBatch:
    """The batch of some users only: (M,) user numbers, ascending."""
    number = torch.full((pairs.n_users,), -1)
    number[kept] = torch.arange(len(kept))
    chosen = pairs.select(number[pairs.segment] >= 0)
    return replace(chosen, segment=number[chosen.segment], users=pairs.users[kept])
