"""Which users will a model get wrong? Candidate uncertainties side by side, also those that fail; accuracy by thirds.

Shown first are the methods that offer a doubt of their own; what can be computed of any model stands below.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from prefactor.evaluation.items import BLOCKS, MANY_ITEMS
from prefactor.evaluation.ranking import REFERENCES, THIRDS, metric_of, third_metric
from prefactor.evaluation.uncertainty import BT, BY_CONFIDENCE, COMBINED, FITTED, FITTED_BEFORE, GENERAL, OF_QUESTIONS
from prefactor.reporting import figures
from prefactor.reporting.candidates import meanings, name_of, role_of, roles
from prefactor.reporting.estimates import PERCENT, SIGNED, Estimate
from prefactor.reporting.panels import Panel, Styles, spoken
from prefactor.reporting.style import Style
from prefactor.reporting.tables import ACCURACY, Cell, Contender, Row, Section, Table, cell_of

REFERENCE_NAMES = {
    "confidence": "Minus own low confidence",
    "plain_doubt": "Minus its confidence on a pool",
    BT: "Minus BT's low confidence",
}
DRAWN = ("sigma", COMBINED, FITTED, FITTED_BEFORE, BY_CONFIDENCE)  # by thirds
THIRD_NAMES = dict(zip(THIRDS, ("least", "middle", "most"), strict=True))
SPLIT = "unseen"


@dataclass(frozen=True)
class DoubtView:
    """All that the page says of users' uncertainties.

    ``roles`` says which candidates are for what; ``by_shots`` has a table per method, with its name.
    """

    roles: str
    sentences: tuple[str, ...]
    thirds: tuple[Panel, ...]
    table: Table | None
    by_shots: tuple[tuple[str, Table], ...]
    others: Table | None
    meanings: tuple[tuple[str, str], ...]


def view_of_doubts(section: Section, styled: Styles) -> DoubtView | None:
    """None where no method was asked."""
    asked = {item: names for item in section.contenders() if (names := _candidates(section, item))}
    if not asked:
        return None
    own = {item: names for item, names in asked.items() if not {*names} <= {*GENERAL, BT}}
    rest = {item: names for item, names in asked.items() if item not in own}
    used = {name for names in asked.values() for name in names}
    return DoubtView(
        roles(used),
        (*(_sentence(section, item, names) for item, names in own.items()), *_how_intervals(section)),
        _third_panels(section, styled, [*own]),
        _table(section, own, styled),
        tuple((item.label, _by_shots(section, item, names, styled.get(item))) for item, names in own.items()),
        _table(section, rest, styled),
        meanings(used),
    )


def _candidates(section: Section, item: Contender) -> list[str]:
    """Names of a contender's candidates, the best on all reference pairs first."""
    prefix = metric_of("")
    found = {
        key.metric.removeprefix(prefix)
        for key in section.estimates
        if key.contender == item and key.metric.startswith(prefix) and "_minus_" not in key.metric
    }

    def rank(name: str) -> tuple[float, str]:
        estimate = section.get(item, metric_of(name), SPLIT)
        return (-estimate.value if estimate else 2.0, name)

    return sorted(found, key=rank)


def _table(section: Section, asked: dict[Contender, list[str]], styled: Styles) -> Table | None:
    """Users known by all their reference pairs: the correlation, and what it is above that of what it has to beat."""
    rows = tuple(
        Row(
            f"{item.label}: {name_of(name)}",
            styled.get(item),
            (Cell("", role_of(name)), *_correlations(section, item, name)),
        )
        for item, names in asked.items()
        for name in names
    )
    headings = ("For", "Correlation with error", *(REFERENCE_NAMES[suffix] for suffix in REFERENCES.values()))
    return Table(headings, rows) if rows else None


def _correlations(section: Section, item: Contender, name: str) -> tuple[Cell, ...]:
    """A candidate's own, and its differences from what it has to beat."""
    suffixes = ("", *(f"_minus_{suffix}" for suffix in REFERENCES.values()))
    metrics = [f"{metric_of(name)}{suffix}" for suffix in suffixes]
    return tuple(cell_of(section.get(item, metric, SPLIT), metric) for metric in metrics)


def _by_shots(section: Section, item: Contender, names: Sequence[str], style: Style | None) -> Table:
    """One method's correlations by number of known pairs."""
    metrics = {metric_of(name) for name in names}
    keys = [key for key in section.estimates if key.contender == item and key.metric in metrics]
    shots = sorted({key.shots for key in keys if key.shots is not None})
    rows = []
    for name in names:
        metric = metric_of(name)
        cells = tuple(cell_of(section.get(item, metric, SPLIT, shot), metric) for shot in (*shots, None))
        rows.append(Row(name_of(name), style, cells))
    return Table((*map(str, shots), "all"), tuple(rows))


def _third_panels(section: Section, styled: Styles, items: Sequence[Contender]) -> tuple[Panel, ...]:
    """Accuracy of each third of unseen users by what they were sorted by; all panels share their range."""
    drawn = {
        (item, name): marks
        for item in items
        for name in DRAWN
        if (marks := _third_marks(section, item, name, styled.get(item)))
    }
    limits = figures.limits_of([mark.estimate for marks in drawn.values() for mark in marks], PERCENT)
    panels = []
    for (item, name), marks in drawn.items():
        whole = section.get(item, ACCURACY, SPLIT) or Estimate(float("nan"))
        place = f"{section.anchor}-thirds-{item.method}-{item.variant}-{name}"
        words = f"{item.label}, accuracy of thirds of unseen users by {name_of(name)}: {spoken(marks, PERCENT)}"
        drawing = figures.forest(marks, PERCENT, limits, whole.value, place, words)
        panels.append(Panel(f"{item.label}, by {name_of(name)}", drawing))
    return tuple(panels)


def _third_marks(section: Section, item: Contender, name: str, style: Style | None) -> list[figures.Mark]:
    found = {third: section.get(item, third_metric(third, name), SPLIT) for third in THIRDS}
    return [
        figures.Mark(THIRD_NAMES[third], "uncertain third" if third != "mid" else "third", style, estimate)
        for third, estimate in found.items()
        if estimate is not None
    ]


def _sentence(section: Section, item: Contender, names: Sequence[str]) -> str:
    """Which candidates go with error, which do not, which beat plain confidence, and which can be known before.

    A claim is one of the wider interval, whose low end must be above 0 as printed.
    """
    own = [name for name in names if name != BT]
    found = {name: estimate for name in own if (estimate := section.get(item, metric_of(name), SPLIT))}
    if not found:
        return ""
    above = [name for name, estimate in found.items() if _is_above_zero(estimate)]
    rest = [name for name in found if name not in above]
    parts = [f"go with error: {_listed(section, item, above)}"] if above else []
    parts += [f"do not: {_listed(section, item, rest)}"] if rest else []
    better = [name for name in above if _is_above_zero(section.get(item, f"{metric_of(name)}_minus_confidence", SPLIT))]
    beaten = f"{_listed(section, item, better)} beat" if better else "None beats"
    return (
        f"For {item.label}, of the candidates these {', these '.join(parts)}. "
        f"{beaten} the method's own mean confidence in the very pairs to predict. "
        f"{_beside_bt(section, item, above, rest)}{_beforehand(above)}"
    )


def _beside_bt(section: Section, item: Contender, above: Sequence[str], rest: Sequence[str]) -> str:
    """Which of the candidates that go with error (``above``) order users better than BT's confidence, and by how much.

    Where none does, the one that comes nearest is named: that nobody does needs an interval as well.
    """
    paired = {name: section.get(item, f"{metric_of(name)}_minus_{BT}", SPLIT) for name in (*above, *rest)}
    found = {name: estimate for name, estimate in paired.items() if estimate and math.isfinite(estimate.value)}
    if not found:
        return ""
    better = [name for name in above if _is_above_zero(found.get(name))]
    if better:
        return f"BT's mean confidence in them is beaten by {'; '.join(_ahead(name, found[name]) for name in better)}. "
    most = max(found, key=lambda name: found[name].value)
    none = "BT's mean confidence in them is beaten by none that goes with error"
    return f"{none}; the largest difference is that of {_ahead(most, found[most])}. "


def _ahead(name: str, paired: Estimate) -> str:
    interval = paired.widest.interval(SIGNED) or "no interval"
    return f"{name_of(name)} ({SIGNED.text(paired.value)}, {interval})"


def _beforehand(names: Sequence[str]) -> str:
    """Which of the candidates that go with error are known before the pairs to predict are."""
    known = [name_of(name) for name in names if name not in OF_QUESTIONS]
    if not known:
        return "None that goes with error can be known before those pairs are."
    return f"Of those that go with error, these can be known before those pairs are: {', '.join(known)}."


def _how_intervals(section: Section) -> tuple[str, ...]:
    """What the wider interval of a correlation is, where there is one."""
    prefix, shared = metric_of(""), section.shares
    if not any(key.metric.startswith(prefix) and e.with_items.has_interval for key, e in section.estimates.items()):
        return ()
    return (
        f"This goes by the wider of two intervals. The one over users and {shared} adds, to the variance over users, "
        f"that of leaving out each of the {shared} in turn (each of {BLOCKS} blocks of them, where there are more than "
        f"{MANY_ITEMS}), errors and ranks computed anew; single pairs' chance is in both, so it errs on the wide side.",
    )


def _is_above_zero(estimate: Estimate | None) -> bool:
    """Whether the low end of the wider interval, as it is printed, is above 0."""
    return estimate is not None and round(estimate.widest.low * SIGNED.factor, SIGNED.decimals) > 0


def _listed(section: Section, item: Contender, names: Sequence[str]) -> str:
    values = {name: section.get(item, metric_of(name), SPLIT) for name in names}
    return ", ".join(f"{name_of(name)} ({SIGNED.text(e.value)})" for name, e in values.items() if e)
