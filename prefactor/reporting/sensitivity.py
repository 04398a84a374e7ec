"""How much a number in a method's parameters matters (VRF, Figure 5), and what every variant loses or gains.

A variant that differs from its method's ``default`` in one number alone lies on a line with it; any other one has a
paired difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from prefactor.reporting.figures import Curve, Mark, by_value
from prefactor.reporting.panels import Styles
from prefactor.reporting.style import PALETTE, Style, method_name
from prefactor.reporting.tables import (
    ACCURACY,
    Cell,
    Contender,
    Row,
    Section,
    Table,
    cell_of,
    differences_table,
    from_own,
)
from prefactor.reporting.variants import DEFAULT, Change, changes_of_variants, default_of, named
from prefactor.trainings import Training

CONDITIONS = (("seen", None), ("unseen", None), ("unseen", 9), ("unseen", 1))  # split, number of reference pairs


@dataclass(frozen=True)
class Sweep:
    """One number of one method, by its dotted key: ascending values, the contender of each; ``default`` is its own."""

    method: str
    key: str
    contenders: Mapping[float, Contender]
    default: float

    @property
    def title(self) -> str:
        """E.g. ``VRF: model.loadings.bases``."""
        return f"{method_name(self.method)}: {self.key}"


@dataclass(frozen=True)
class SweepView:
    """Accuracy against the parameter's value, and the numbers behind it."""

    title: str
    drawing: Markup
    table: Table


@dataclass(frozen=True)
class VariantsView:
    """The sweeps, and the paired differences of all variants from their methods' ``default``."""

    sweeps: tuple[SweepView, ...]
    ablations: Table | None


def view_of_variants(section: Section, styled: Styles, trainings: Mapping[Contender, Training]) -> VariantsView | None:
    """None where every method is run in its ``default`` alone."""
    changed = changes_of_variants(trainings)
    drawn = tuple(_view(section, styled, sweep, number) for number, sweep in enumerate(sweeps(changed)))
    ablations = ablation_table(section, styled, changed)
    return VariantsView(drawn, ablations) if drawn or ablations else None


def sweeps(changed: Mapping[Contender, tuple[Change, ...]]) -> list[Sweep]:
    """A sweep for each number that variants change alone; of two variants with one value the first by name is drawn."""
    found: dict[tuple[str, str], dict[float, Contender]] = {}
    defaults: dict[tuple[str, str], float] = {}
    for item, changes in sorted(changed.items()):
        if len(changes) == 1 and changes[0].is_numeric:
            key = item.method, changes[0].key
            defaults[key] = changes[0].before
            found.setdefault(key, {defaults[key]: default_of(item)}).setdefault(changes[0].after, item)
    return [Sweep(*key, dict(sorted(items.items())), defaults[key]) for key, items in sorted(found.items())]


def ablation_table(section: Section, styled: Styles, changed: Mapping[Contender, tuple[Change, ...]]) -> Table | None:
    """Every variant's paired difference from ``default`` of its method: seen, unseen, then by reference pairs."""
    everyone = section.contenders()
    items = [item for item in sorted(everyone) if item.variant != DEFAULT and default_of(item) in everyone]
    table = differences_table(section, styled, {item: from_own(item.method) for item in items})
    if table is None:
        return None
    words = {item.label: named(changed[item]) if item in changed else "" for item in items}
    rows = tuple(Row(row.label, row.style, (Cell("", words[row.label]), *row.cells)) for row in table.rows)
    return Table(("What it changes", *table.headings), rows)


def _view(section: Section, styled: Styles, sweep: Sweep, number: int) -> SweepView:
    labels = [f"{value:g}" for value in sweep.contenders]
    at = [*sweep.contenders].index(sweep.default)
    words = f"{section.dataset}, {sweep.title}: accuracy by its value; a table has the numbers"
    drawing = by_value(_curves(section, sweep), labels, at, sweep.key, f"{section.anchor}-sweep-{number}", words)
    return SweepView(sweep.title, drawing, _table(section, styled, sweep, labels))


def _curves(section: Section, sweep: Sweep) -> list[Curve]:
    """A curve for each condition that some contender has a figure in, at the places of its values."""
    curves = []
    for (split, shots), colour in zip(CONDITIONS, PALETTE, strict=False):
        estimates = [section.get(item, ACCURACY, split, shots) for item in sweep.contenders.values()]
        known = {place: estimate for place, estimate in enumerate(estimates) if estimate}
        if known:
            curves.append(Curve(Mark(_condition(split, shots), "", Style(colour)), tuple(known), tuple(known.values())))
    return curves


def _table(section: Section, styled: Styles, sweep: Sweep, labels: list[str]) -> Table:
    headings = tuple(_condition(*condition).capitalize() for condition in CONDITIONS)
    rows = tuple(
        Row(
            f"{label}, {DEFAULT}" if value == sweep.default else label,
            styled.get(item),
            tuple(cell_of(section.get(item, ACCURACY, *condition), ACCURACY) for condition in CONDITIONS),
        )
        for label, (value, item) in zip(labels, sweep.contenders.items(), strict=True)
    )
    return Table(headings, rows)


def _condition(split: str, shots: int | None) -> str:
    return split if shots is None else f"{split}, {shots} pair{'s' if shots != 1 else ''}"
