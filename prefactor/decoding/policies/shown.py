"""Prompts with items of a profile before them, as many as a model has room for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from prefactor.attributes import AttributeLibrary, with_attributes
from prefactor.datasets.lamp.person import Item
from prefactor.datasets.lamp.tasks import Task
from prefactor.decoding.conditions import PLAIN, Condition, contrastive
from prefactor.decoding.policies.queries import Query
from prefactor.decoding.speaker import Speaker

Count = Callable[[Sequence[str]], list[int]]  # texts -> tokens of each
JOINTS = 8  # tokens that a text may have more within a conversation than alone


@dataclass(frozen=True)
class Shown:
    """A prompt, and the ids of the items that are in it."""

    prompt: str
    items: tuple[str, ...] = ()


def with_items(
    task: Task, queries: Sequence[Query], nearest: Sequence[Sequence[Item]], words: int, count: Count, room: int
) -> list[Shown]:
    """Each query's prompt below its nearest items; those farthest away are left out until it has ``room`` tokens."""
    tried = [
        [task.shown([item.record for item in items[:size]], query.prompt, words) for size in range(len(items) + 1)]
        for query, items in zip(queries, nearest, strict=True)
    ]
    lengths = iter(count([prompt for mine in tried for prompt in mine]))
    found = []
    for mine, items in zip(tried, nearest, strict=True):
        fits = [next(lengths) <= room for _ in mine]
        size = max((size for size, good in enumerate(fits) if good), default=0)
        found.append(Shown(mine[size], tuple(item.id for item in items[:size])))
    return found


def counter(speaker: Speaker) -> Count:
    """How many tokens texts have, without special ones."""
    backend = speaker.tokenizer.backend_tokenizer  # counts what is longer than a context, and says nothing
    return lambda texts: [len(one.ids) for one in backend.encode_batch(list(texts), add_special_tokens=False)]


def room_for_prompts(speaker: Speaker, new: int, library: AttributeLibrary | None, line: int) -> int:
    """Tokens that a prompt may have, so that ``new`` can follow, and whatever policies tell the model beside it.

    ``library`` is that of EXACT, with ``line`` attributes at a time, and Drift; None where neither writes.
    """
    told, longest = [PLAIN], ""
    if library is not None:
        told += [Condition(library.base), *contrastive(library)]
        longest = with_attributes("", sorted(library.names, key=len)[-line:])
    frame = max(len(context) for context in speaker.contexts(["?"] * len(told), told))
    return speaker.max_tokens - new - frame - sum(counter(speaker)([longest])) - JOINTS
