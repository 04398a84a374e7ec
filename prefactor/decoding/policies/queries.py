"""What people are asked: their published question, and some items of their profile as if those were new."""

from collections.abc import Sequence
from dataclasses import dataclass

from prefactor.datasets.lamp.candidates import PROFILE, QUESTION
from prefactor.datasets.lamp.person import Item, Person
from prefactor.decoding.policies.words import Words
from prefactor.preferences import content_id


@dataclass(frozen=True)
class Query:
    """One prompt for one person.

    person  the person's place among those of a shard
    id      of the query among the person's
    kind    ``question`` or ``profile``
    gold    what the person wrote
    items   of the profile that may be shown: never the one that is asked about, nor one that gives it away
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

    What is shown beside a query has neither its prompt's nor its answer's words: items that are there twice would give
    it away. No prompt is asked twice and no answer, the question's among them: who learns from one query would know the
    other's answer.
    """
    return [query for place, person in enumerate(people) for query in _queries(place, person, profile_queries, seed)]


def _queries(place: int, person: Person, count: int, seed: int) -> list[Query]:
    items, question = [(item, Words.of(item)) for item in person.items], Words.of(person)
    asked: list[tuple[Item, Words]] = []
    for item, words in sorted(items, key=lambda one: content_id(str(seed), "profile query", person.id, one[0].id)):
        if len(asked) < count and not any(words.tell(other) for other in (question, *(told for _, told in asked))):
            asked.append((item, words))
    return [
        Query(place, person.id, QUESTION, QUESTION, person.prompt, person.gold, _silent(items, question)),
        *(
            Query(place, person.id, item.id, PROFILE, item.prompt, item.gold, _silent(items, words))
            for item, words in asked
        ),
    ]


def _silent(items: Sequence[tuple[Item, Words]], asked: Words) -> tuple[Item, ...]:
    """The items that give nothing away of what is asked: not the one that is asked about either."""
    return tuple(item for item, words in items if not words.tell(asked))
