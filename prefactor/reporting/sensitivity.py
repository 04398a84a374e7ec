"""How much a number in a method's parameters matters (VRF, Figure 5), and what every variant loses or gains.

A variant that differs from its base, its method's ``default`` or ``faithful``, in one number alone lies on a line with
it; every one has a paired difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from prefactor.evaluation.variants import Variation
from prefactor.reporting.figures import Curve, Mark, by_value
from prefactor.reporting.panels import Styles
from prefactor.reporting.style import PALETTE, Style
from prefactor.reporting.tables import (
    ACCURACY,
    FROM_BASE,
    Cell,
    Contender,
    Row,
    Section,
    Table,
    by_condition,
    cell_of,
)
from prefactor.reporting.variants import in_words, variations_of
from prefactor.trainings import Training

CONDITIONS = (("seen", None), ("unseen", None), ("unseen", 9), ("unseen", 1))  # split, number of reference pairs


@dataclass(frozen=True)
class Sweep:
    """One number of one method, by its dotted key: ascending values, the contender of each; ``own`` is the base's."""

    base: Contender
    key: str
    contenders: Mapping[float, Contender]
    own: float

    @property
    def title(self) -> str:
        """E.g. ``VRF: model.loadings.bases``."""
        return f"{self.base.name}: {self.key}"


@dataclass(frozen=True)
class SweepView:
    """Accuracy against the parameter's value, and the numbers behind it."""

    title: str
    drawing: Markup
    table: Table


@dataclass(frozen=True)
class VariantsView:
    """The sweeps, and the paired differences of all variants from their bases."""

    sweeps: tuple[SweepView, ...]
    ablations: Table | None


def view_of_variants(section: Section, styled: Styles, trainings: Mapping[Contender, Training]) -> VariantsView | None:
    """None where every method is run in one variant alone."""
    changed = variations_of(trainings)
    drawn = tuple(_view(section, styled, sweep, number) for number, sweep in enumerate(sweeps(changed)))
    ablations = ablation_table(section, styled, changed)
    return VariantsView(drawn, ablations) if drawn or ablations else None


def sweeps(changed: Mapping[Contender, Variation]) -> list[Sweep]:
    """A sweep for each number that variants change alone; of two variants with one value the first by name is drawn."""
    found: dict[tuple[Contender, str], dict[float, Contender]] = {}
    own: dict[tuple[Contender, str], float] = {}
    for item, (variant, changes) in sorted(changed.items()):
        if len(changes) == 1 and changes[0].is_numeric:
            base = item._replace(variant=variant)
            key = base, changes[0].key
            own[key] = changes[0].before
            found.setdefault(key, {own[key]: base}).setdefault(changes[0].after, item)
    return [Sweep(*key, dict(sorted(items.items())), own[key]) for key, items in sorted(found.items())]


def ablation_table(section: Section, styled: Styles, changed: Mapping[Contender, Variation]) -> Table | None:
    """Every variant with its base, what it changes of it, and its paired difference from it by split and shots."""
    items = {item.label: item for item in sorted(section.contenders())}
    table = by_condition(section, styled, items.values(), FROM_BASE)
    if table is None:
        return None
    rows = []
    for row in table.rows:
        item = items[row.label]
        words = section.bases[item], in_words(changed[item]) if item in changed else ""
        rows.append(Row(row.label, row.style, (*(Cell("", said) for said in words), *row.cells)))
    return Table(("A variant of", "What it changes", *table.headings), tuple(rows))


def _view(section: Section, styled: Styles, sweep: Sweep, number: int) -> SweepView:
    labels = [f"{value:g}" for value in sweep.contenders]
    at = [*sweep.contenders].index(sweep.own)
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
            f"{label}, {sweep.base.variant}" if value == sweep.own else label,
            styled.get(item),
            tuple(cell_of(section.get(item, ACCURACY, *condition), ACCURACY) for condition in CONDITIONS),
        )
        for label, (value, item) in zip(labels, sweep.contenders.items(), strict=True)
    )
    return Table(headings, rows)


def _condition(split: str, shots: int | None) -> str:
    return split if shots is None else f"{split}, {shots} pair{'s' if shots != 1 else ''}"
