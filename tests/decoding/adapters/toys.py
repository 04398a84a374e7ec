"""Two people of opposite tastes, a table of texts in two manners, and settings that train in a moment."""

from dataclasses import dataclass, replace

import torch

from prefactor.decoding.adapters import AdapterParameters, DpoParameters
from prefactor.decoding.likelihoods import Texts
from prefactor.preferences import PairBatch, Responses, content_id

THINGS = ["bread", "a bicycle", "the tea", "an engine", "the garden", "a letter", "the roof"]
MANNERS = ["Kindly mend {}, with care.", "Just go and fix {} now!"]
KNOWN = 4  # things that people are known by; they are asked about the others
QUICK = AdapterParameters(rank=4, epochs=3, learning_rate=2e-2, batch_size=2)
QUICK_DPO = DpoParameters(rank=4, epochs=3, learning_rate=2e-2, batch_size=2)


@dataclass(frozen=True)
class Toy:
    """What is known of each person and what is asked, over one table of texts: row 2 i + m is thing i in manner m."""

    texts: Texts
    known: PairBatch
    asked: PairBatch


def make_toy(tastes: tuple[int | None, ...] = (0, 1)) -> Toy:
    """People by the manner that each prefers; of one without a taste nothing is known."""
    prompts = [f"What about {thing}?" for thing in THINGS for _ in MANNERS]
    responses = [manner.format(thing) for thing in THINGS for manner in MANNERS]
    texts = Texts([content_id(*text) for text in zip(prompts, responses, strict=True)], prompts, responses)
    people = [(user, taste) for user, taste in enumerate(tastes) if taste is not None]
    known = [(2 * thing + taste, 2 * thing + 1 - taste, user) for user, taste in people for thing in range(KNOWN)]
    asked = [
        (2 * thing + (taste or 0), 2 * thing + 1 - (taste or 0), user)
        for user, taste in enumerate(tastes)
        for thing in range(KNOWN, len(THINGS))
    ]
    return Toy(texts, _batch(known, len(texts), len(tastes)), _batch(asked, len(texts), len(tastes)))


def swapped(batch: PairBatch) -> PairBatch:
    """The same pairs of two people, who are numbered the other way round."""
    return replace(batch, segment=1 - batch.segment)


def _batch(pairs: list[tuple[int, int, int]], texts: int, users: int) -> PairBatch:
    chosen, rejected, segment = torch.tensor(pairs, dtype=torch.int64).T
    return PairBatch(Responses({}, torch.arange(texts)), chosen, rejected, segment, torch.full((users,), -1))
