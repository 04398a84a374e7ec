"""How a contender is called, in a table and in a sentence."""

from typing import NamedTuple


class Name(NamedTuple):
    """A contender's name, and what tells it from others of that name."""

    name: str
    detail: str = ""

    @property
    def label(self) -> str:
        """E.g. ``Best-of-N · by VRF``."""
        return " \N{MIDDLE DOT} ".join(part for part in self if part)

    @property
    def words(self) -> str:
        """For a sentence: ``Best-of-N (by VRF)``."""
        return f"{self.name} ({self.detail})" if self.detail else self.name
