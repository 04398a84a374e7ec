"""A person of a task: a question that is new, and what the person wrote before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prefactor.datasets.lamp.candidates import QUESTION
from prefactor.datasets.lamp.tasks import Task


@dataclass(frozen=True)
class Item:
    """Something that a person wrote: ``prompt`` is how it would be asked for, ``gold`` what they wrote.

    ``id`` is the person's only item of that name; ``record`` is the published one, which the task shows.
    """

    id: str
    prompt: str
    gold: str
    record: Any


@dataclass(frozen=True)
class Person:
    """One person: the question's prompt, what they wrote in answer, and their profile."""

    id: str
    prompt: str
    gold: str
    items: tuple[Item, ...]


def person_of(task: Task, name: str, record: Any, gold: str) -> Person:
    """The person of a published record. Items without a word to ask about or to answer are left out."""
    items = (
        Item(unique, task.prompt(item), task.gold(item), item)
        for unique, item in zip(_ids(record.profile), record.profile, strict=True)
    )
    return Person(name, record.input, gold, tuple(item for item in items if item.prompt.strip() and item.gold.strip()))


def _ids(profile: Sequence[Any]) -> Iterator[str]:
    """Each record's id, or else its place; an id that was there before, is blank or a question's has its place added.

    By its id alone a query is told from the person's others.
    """
    taken = {QUESTION}
    for place, record in enumerate(profile):
        name = str(getattr(record, "id", place))
        while name in taken or not name.strip():
            name = f"{name}~{place}"
        taken.add(name)
        yield name
