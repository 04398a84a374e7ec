"""Backbones of one dataset side by side: what each costs, what its states hold, and what methods make of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from prefactor.evaluation.ceiling import REGRESSED
from prefactor.reporting.context import DatasetFacts, ReportContext
from prefactor.reporting.estimates import TO
from prefactor.reporting.facts import duration, number
from prefactor.reporting.panels import Styles
from prefactor.reporting.tables import ACCURACY, Cell, Contender, Key, Row, Section, Table, cell_of, place_order
from prefactor.reporting.verdict import IMPERSONAL

ORACLE = Contender("oracle", REGRESSED)
UNREAD = ("surface", "longer_text", "item_mean")  # rewards that no backbone changes
FEWEST = 1  # reference pairs of the second table
WIDTH, TIME = "Width", "Time a text"

Column = Callable[[Section], Cell]


@dataclass(frozen=True)
class BackbonesView:
    """One dataset under each of its backbones, a row each: the main figures, those of personal methods that know the
    fewest pairs of a user (None where nobody looked), and of each contender all.

    ``oracle``, ``timed``: whether some backbone has a ceiling read off its states, and a time.
    """

    title: str
    table: Table
    few: Table | None
    further: tuple[tuple[str, Table], ...]
    oracle: bool
    timed: bool


def compare_backbones(found: Sequence[Section], styled: Styles, context: ReportContext) -> tuple[BackbonesView, ...]:
    """A view for each dataset and protocol that was run on two backbones or more."""
    alike: dict[tuple[str, str], list[Section]] = {}
    for section in found:
        alike.setdefault((section.dataset, section.protocol), []).append(section)
    datasets = [dataset for dataset, _ in alike]
    return tuple(
        _view(dataset if datasets.count(dataset) == 1 else f"{dataset} ({protocol})", sections, styled, context)
        for (dataset, protocol), sections in alike.items()
        if len(sections) > 1
    )


def _view(title: str, sections: Sequence[Section], styled: Styles, context: ReportContext) -> BackbonesView:
    items = _contenders(sections, styled)
    costs = _costs(sections, context.datasets.get(sections[0].dataset, DatasetFacts()))
    few = _figures(sections, {item.name: Key(item, ACCURACY, "unseen", FEWEST) for item in items if _personal(item)})
    return BackbonesView(
        title=title,
        table=_table(sections, {**costs, **_figures(sections, _main(items))}),
        few=_table(sections, few) if few else None,
        further=tuple((item.label, _conditions(sections, item)) for item in items),
        oracle=ORACLE in items,
        timed=TIME in costs,
    )


def _contenders(sections: Sequence[Section], styled: Styles) -> list[Contender]:
    """The oracle that reads the states, then every method's main variant, in the first backbone's order."""
    everyone = list(dict.fromkeys(item for section in sections for item in section.contenders()))
    main = [item for item in everyone if not styled[item].open and not item.setting and item.method not in UNREAD]
    known = any(ORACLE in section.ceilings() for section in sections)
    return [*([ORACLE] if known else []), *main]


def _costs(sections: Sequence[Section], facts: DatasetFacts) -> dict[str, Column]:
    """Numbers in a state, and seconds that a text takes in a batch; a column only where some backbone's are known."""
    seconds = {name: timed.about.get("seconds_per_text", {}).get("batched") for name, timed in facts.timings.items()}
    known = {
        WIDTH: {name: Cell(number(width), order=float(width)) for name, width in facts.state_widths.items()},
        TIME: {name: Cell(duration(value), order=value) for name, value in seconds.items() if value is not None},
    }
    here = {section.backbone for section in sections}
    return {heading: partial(_cost, cells) for heading, cells in known.items() if here & {*cells}}


def _cost(cells: Mapping[str, Cell], section: Section) -> Cell:
    return cells.get(section.backbone, Cell(TO))


def _main(items: Sequence[Contender]) -> dict[str, Key]:
    """By heading: the oracle on seen and unseen users, methods on unseen ones who are known by all their pairs."""
    found: dict[str, Key] = {}
    for item in items:
        if item == ORACLE:
            found |= {f"Oracle, {split}": Key(item, ACCURACY, split) for split in ("seen", "unseen")}
        else:
            found[item.name] = Key(item, ACCURACY, "unseen")
    return found


def _personal(item: Contender) -> bool:
    return item != ORACLE and item.method not in IMPERSONAL


def _figures(sections: Sequence[Section], wanted: Mapping[str, Key]) -> dict[str, Column]:
    """A column of each accuracy that some backbone has."""
    known = {key for section in sections for key in section.estimates}
    return {heading: partial(_accuracy, key) for heading, key in wanted.items() if key in known}


def _table(sections: Sequence[Section], columns: Mapping[str, Column]) -> Table:
    rows = (Row(at.backbone, None, tuple(cell(at) for cell in columns.values())) for at in sections)
    return Table(tuple(columns), tuple(rows))


def _accuracy(key: Key, section: Section) -> Cell:
    return cell_of(section.estimates.get(key), ACCURACY)


def _conditions(sections: Sequence[Section], item: Contender) -> Table:
    """One contender's accuracy on each backbone: seen, unseen, then unseen by number of reference pairs."""
    known = {key for section in sections for key in section.estimates if key[:2] == (item, ACCURACY)}
    keys = [key for key in known if key.split == "unseen" or (key.split == "seen" and key.shots is None)]
    ordered = sorted(keys, key=lambda key: place_order((key.split, key.shots)))
    names = {key: key.split.capitalize() if key.shots is None else f"|C| = {key.shots}" for key in ordered}
    return _table(sections, {heading: partial(_accuracy, key) for key, heading in names.items()})
