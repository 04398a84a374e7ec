"""Two halves of the same people in the report: which section pools them, and each half beside both together."""

from collections.abc import Iterable, Mapping, Sequence

from prefactor.reporting.style import Style
from prefactor.reporting.tables import Contender, Row, Section, Table, cell_of


def pooled_with(section: Section, found: Iterable[Section]) -> Section | None:
    """The section in which this one is pooled with its other half; None where it is no half, or pooled itself."""
    alike = (other for other in found if (other.protocol, other.backbone) == (section.protocol, section.backbone))
    return next((other for other in alike if section.dataset in other.halves), None)


def halves_table(pooled: Section, parts: Sequence[Section], styled: Mapping[Contender, Style], metric: str) -> Table:
    """A metric of each half, and of both together: unseen users, then seen ones where both halves' are pooled.

    Contenders stand in the order that all users put them in.
    """
    given = {key.split for key in pooled.estimates if key.metric == metric and key.shots is None}
    columns = [(section, split) for split in ("unseen", "seen") if split in given for section in (*parts, pooled)]
    names = dict(
        zip([*(part.dataset for part in parts), pooled.dataset], ("first half", "second half", "both"), strict=True)
    )
    headings = tuple(f"{split.capitalize()}, {names[at.dataset]}" for at, split in columns)
    items = [item for item in pooled.contenders() if any(at.get(item, metric, split) for at, split in columns)]
    rows = tuple(
        Row(item.label, styled.get(item), tuple(cell_of(at.get(item, metric, split), metric) for at, split in columns))
        for item in items
    )
    return Table(headings, rows)
