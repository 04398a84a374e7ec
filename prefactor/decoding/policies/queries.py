"""What people are asked: their published question, and some items of their profile as if those were new."""

from collections.abc import Sequence
from dataclasses import dataclass

from prefactor.datasets.lamp.candidates import PROFILE, QUESTION
from prefactor.datasets.lamp.person import Item, Person
from prefactor.preferences import content_id


@dataclass(frozen=True)
class Query:
    """One prompt for one person.

    person  the person's place among those of a shard
    id      of the query among the person's
    kind    ``question`` or ``profile``
    gold    what the person wrote
    items   of the profile that may be shown: never the one that is asked about
    """

    person: int
    user_id: str
    id: str
    kind: str
    prompt: str
    gold: str
    items: tuple[Item, ...]


def queries_of(people: Sequence[Person], profile_queries: int, seed: int) -> list[Query]:
    """Each person's question, then up to so many profile queries, the first by the hash of person and item.

    What is shown beside a query has neither its prompt nor its answer: items that are there twice would give it away.
    No prompt is asked twice.
    """
    return [query for place, person in enumerate(people) for query in _queries(place, person, profile_queries, seed)]


def _queries(place: int, person: Person, count: int, seed: int) -> list[Query]:
    question = Query(place, person.id, QUESTION, QUESTION, person.prompt, person.gold, _others(person, person))
    drawn = sorted(person.items, key=lambda item: content_id(str(seed), "profile query", person.id, item.id))
    asked: dict[str, Item] = {}
    for item in drawn:
        if item.prompt != person.prompt:
            asked.setdefault(item.prompt, item)
    return [
        question,
        *(
            Query(place, person.id, item.id, PROFILE, item.prompt, item.gold, _others(person, item))
            for item in list(asked.values())[:count]
        ),
    ]


def _others(person: Person, asked: Person | Item) -> tuple[Item, ...]:
    """The items that give nothing away of what is asked."""
    return tuple(
        item for item in person.items if item is not asked and item.prompt != asked.prompt and item.gold != asked.gold
    )
