"""A person of a task: a question that is new, and what the person wrote before."""

from dataclasses import dataclass
from typing import Any

from prefactor.datasets.lamp.tasks import Task


@dataclass(frozen=True)
class Item:
    """Something that a person wrote: ``prompt`` is how it would be asked for, ``gold`` what they wrote.

    ``record`` is the published one, which the task shows.
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
        Item(str(getattr(item, "id", place)), task.prompt(item), task.gold(item), item)
        for place, item in enumerate(record.profile)
    )
    return Person(name, record.input, gold, tuple(item for item in items if item.prompt.strip() and item.gold.strip()))
