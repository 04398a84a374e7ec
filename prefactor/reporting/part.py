"""One section of the page: sentences first, then drawings, then tables."""

from dataclasses import dataclass

from prefactor.reporting.panels import Panel
from prefactor.reporting.tables import Table


@dataclass(frozen=True)
class Titled:
    """A table with what stands above its first column; ``folded`` behind a summary."""

    first: str
    table: Table
    summary: str = ""  # behind which it is folded; empty for one that is open


@dataclass(frozen=True)
class Part:
    """``lead`` says what is measured, ``sentences`` what was found, ``brief`` the same in one without figures, for the
    head of the page; ``note`` how to read it. ``small``: there are many small figures."""

    title: str
    lead: str
    sentences: tuple[str, ...] = ()
    panels: tuple[Panel, ...] = ()
    tables: tuple[Titled, ...] = ()
    note: str = ""
    brief: str = ""
    small: bool = False

    @property
    def anchor(self) -> str:
        """Its place in the page's address."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.title.lower()).strip("-")
