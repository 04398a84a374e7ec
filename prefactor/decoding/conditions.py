"""What a language model is told beside the prompt."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from prefactor.attributes import AttributeLibrary, with_attributes


@dataclass(frozen=True)
class Condition:
    """A system prompt (Drift's s_i), and the attributes of a last line of the user's prompt (EXACT's A).

    Both may be missing: then the model is told the prompt alone.
    """

    system: str | None = None
    line: tuple[str, ...] = ()

    def prompt(self, prompt: str) -> str:
        """The user's turn."""
        return with_attributes(prompt, self.line)

    def key(self) -> str:
        """A name on disk: what a model is told, as it is told."""
        return json.dumps([self.system, self.prompt("")], ensure_ascii=False)


PLAIN = Condition()


def contrastive(library: AttributeLibrary) -> list[Condition]:
    """Drift's A + 1 conditions: the base prompt s_0, then s_1 ... s_A in the library's order."""
    return [Condition(library.base), *(Condition(prompt) for prompt in library.prompts.values())]


def named(library: AttributeLibrary, subset: Sequence[int]) -> Condition:
    """EXACT's condition: a line that names some of the library's attributes, by their numbers."""
    return Condition(line=tuple(library.names[number] for number in subset))
