"""What two queries have in common: a prompt or an answer of the same words gives the other's away."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Protocol, Self

SCORED = re.compile(r"[a-z0-9]+")  # the words that ROUGE counts
WRITTEN = re.compile(r"[^\W_]+")


class Answered(Protocol):
    """A prompt, and what a person wrote in answer."""

    @property
    def prompt(self) -> str: ...

    @property
    def gold(self) -> str: ...


@dataclass(frozen=True)
class Words:
    """The words of a prompt and of its answer, whatever their case, white space and punctuation.

    An answer's are those that ROUGE counts, so that answers of the same words are worth the same; where it counts none,
    those of any script. A prompt's are those of any script: all prompts of a task share their English ones.
    """

    prompt: tuple[str, ...]
    gold: tuple[str, ...]

    @classmethod
    def of(cls, query: Answered) -> Self:
        """Of a query, an item or a person's question."""
        return cls(_written(query.prompt), tuple(SCORED.findall(query.gold.lower())) or _written(query.gold))

    def tell(self, other: Self) -> bool:
        """Whether who knows one answer knows the other."""
        return self.prompt == other.prompt or self.gold == other.gold


def _written(text: str) -> tuple[str, ...]:
    """The words of a text; of signs alone, the signs."""
    return tuple(WRITTEN.findall(unicodedata.normalize("NFKC", text).casefold())) or (text.strip(),)
