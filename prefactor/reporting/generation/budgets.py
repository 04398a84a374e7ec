"""Accuracy against how much is kept: m attributes of Drift (its Figure 4), k attributes of EXACT (its Figure 1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from prefactor.evaluation.comparison import DIFFERENCES
from prefactor.reporting.estimates import PERCENT, POINTS, Estimate
from prefactor.reporting.figures import Curve, Mark
from prefactor.reporting.generation.measured import Measured, in_order
from prefactor.reporting.generation.names import name_of, style_of
from prefactor.reporting.generation.scorers import ACCURACY, by_contender_words
from prefactor.reporting.lines import lines
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import COIN, cell
from prefactor.reporting.tables import Row, Table


@dataclass(frozen=True)
class Budget:
    """A key of the settings, whose it is, what it counts, and the value that the paper uses."""

    key: str
    method: str
    title: str
    axis: str
    default: str
    lead: str
    whole: str = ""  # what the value is called of a method that keeps all


DRIFT = Budget(
    "m",
    "drift",
    "How many attributes Drift needs",
    "attributes kept, m",
    "7",
    "Accuracy on pairs when only the m attributes of the largest weights are kept: what decoding, which runs the small "
    "model once for each of them, can afford.",
    "all",
)
EXACT = Budget(
    "k",
    "exact",
    "How many attributes EXACT writes down",
    "attributes in the line, k",
    "3",
    "Accuracy on pairs when greedy selection takes k attributes for each of the user's pairs.",
)
BUDGETS = (DRIFT, EXACT)
Curves = dict[str, dict[tuple[str, int | None], Estimate]]  # by method, then by value and known pairs


def budget_parts(measured: Measured) -> tuple[Part, ...]:
    """A section for each budget that was varied."""
    return tuple(part for budget in BUDGETS if (part := _part(measured, budget)))


def _part(measured: Measured, budget: Budget) -> Part | None:
    curves = _curves(measured, budget)
    values = sorted({value for curve in curves.values() for value, _ in curve}, key=in_order)
    if len(values) < 2:
        return None
    shots = list(dict.fromkeys(at[1] for curve in curves.values() for at in curve))
    published = f", and {budget.key} = {budget.default} as published" if budget.default in values else ""
    return Part(
        budget.title,
        budget.lead,
        panels=(_panel(curves, budget, values, shots[-1]),),
        tables=(_table(curves, budget, values, shots), *_differences(measured, budget)),
        note=f"Dotted lines: a coin's 50 %{published}. Bands say how sure a level is, not whether two levels differ: "
        "for that see the differences user by user, where there are any.",
    )


def _panel(curves: Curves, budget: Budget, values: Sequence[str], number: int | None) -> Panel:
    """Of users known by so many pairs."""
    drawn = [
        Curve(Mark(name_of(method).name, "", style_of(method)), *_points(curve, values, number))
        for method, curve in curves.items()
    ]
    own = values.index(budget.default) if budget.default in values else None
    said = f"accuracy by {budget.axis}; the table below has the numbers"
    drawing = lines(drawn, values, budget.axis, PERCENT, f"budget-{budget.key}", said, COIN, own)
    return Panel(f"Accuracy, %, {by_contender_words(number)}", drawing)


def _table(curves: Curves, budget: Budget, values: Sequence[str], shots: Sequence[int | None]) -> Titled:
    rows = tuple(
        Row(
            f"{name_of(method).label}, {by_contender_words(number)}",
            style_of(method),
            tuple(cell(curve.get((value, number)), PERCENT) for value in values),
        )
        for method, curve in curves.items()
        for number in shots
    )
    return Titled("Accuracy, %", Table(tuple(_heading(budget, value) for value in values), rows))


def _curves(measured: Measured, budget: Budget) -> Curves:
    curves: Curves = {}
    for key, own in measured.find(ACCURACY):
        if set(key.parsed) == {budget.key}:
            curves.setdefault(key.method, {})[key.parsed[budget.key], key.shots] = own
    for key, own in measured.find(ACCURACY, budget.method) if budget.whole else ():
        varied = {shots for _, shots in curves.get(budget.method, {})}
        if not key.parsed and key.shots in varied:
            curves[budget.method][budget.whole, key.shots] = own
    return curves


def _points(
    curve: dict[tuple[str, int | None], Estimate], values: Sequence[str], number: int | None
) -> tuple[tuple[int, ...], tuple[Estimate, ...]]:
    known = [value for value in values if (value, number) in curve]
    return tuple(values.index(value) for value in known), tuple(curve[value, number] for value in known)


def _differences(measured: Measured, budget: Budget) -> tuple[Titled, ...]:
    """Paired differences between values of one method, where they were taken."""
    metric = f"{DIFFERENCES}{budget.method}"
    found = [
        (key, own)
        for key, own in measured.find(metric, budget.method, topic_shift=None)
        if budget.key in key.parsed and set(key.parsed) == {budget.key, "against"}
    ]
    rows = tuple(
        Row(
            f"{budget.key} = {key.parsed[budget.key]} minus {_other(key.parsed['against'])}, "
            f"{by_contender_words(key.shots)}",
            style_of(key.method),
            (cell(own, POINTS),),
        )
        for key, own in found
    )
    return (Titled("Points", Table(("Difference",), rows), "Differences, user by user"),) if rows else ()


def _heading(budget: Budget, value: str) -> str:
    return value if value == budget.whole else f"{budget.key} = {value}"


def _other(against: str) -> str:
    """``k=1`` -> ``k = 1``; the default, of all attributes, by name."""
    return against.replace("=", " = ") if "=" in against else "all"
