"""What a person can be found by: ids of theirs, and content hashes of what is theirs alone."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Self

from prefactor.forgetting.belongings import Belongings

HASH = re.compile(r"[0-9a-f]{32}")
DISTINCT_CHARACTERS = 8  # an id as long as that, of digits and something else, is not met by chance
DISTINCT_DIGITS = 12  # of digits alone


@dataclass(frozen=True)
class Traces:
    """Ids of ``users``, and of ``groups`` and ``conversations`` that are theirs alone; ``hashes``: of pairs and texts.

    Ids come from data: `7` and `anna` are ids too, and mean a person only where a person is meant.
    """

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    conversations: frozenset[str] = frozenset()
    hashes: frozenset[str] = frozenset()

    @classmethod
    def of(cls, own: Belongings) -> Self:
        """Those of what belongs to some users alone."""
        return cls(own.users, own.groups, own.conversations, own.pairs | own.texts | own.prompts)

    @classmethod
    def from_json(cls, values: Mapping[str, Iterable[str]]) -> Self:
        """What :meth:`as_json` gave."""
        return cls(**{item.name: frozenset(values.get(item.name, ())) for item in fields(cls)})

    def as_json(self) -> dict[str, list[str]]:
        """Sorted lists by name."""
        return {item.name: sorted(getattr(self, item.name)) for item in fields(self)}

    def __or__(self, other: "Traces") -> "Traces":
        return Traces(**{item.name: getattr(self, item.name) | getattr(other, item.name) for item in fields(self)})

    def __sub__(self, other: "Traces") -> "Traces":
        return Traces(**{item.name: getattr(self, item.name) - getattr(other, item.name) for item in fields(self)})

    @cached_property
    def names(self) -> frozenset[str]:
        """All ids that are no content hashes."""
        return self.users | self.groups | self.conversations

    @cached_property
    def distinct(self) -> frozenset[str]:
        """Ids that mean the person wherever they stand."""
        return frozenset(name for name in self.names if is_distinct(name))

    @cached_property
    def hex(self) -> frozenset[str]:
        """Everything of 32 hex digits: content hashes, pseudonyms, and ids that are hashes themselves."""
        return self.hashes | {name for name in self.names if HASH.fullmatch(name)}


def is_distinct(name: str) -> bool:
    """Is an id long and mixed enough to be met by nobody else's data: `user-0000007` is, `7` and `anna` are not."""
    digits = sum(character.isdigit() for character in name)
    mixed = len(name) >= DISTINCT_CHARACTERS and 0 < digits < len(name)
    return mixed or "@" in name or (digits == len(name) and digits >= DISTINCT_DIGITS)
