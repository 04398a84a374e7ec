"""VRF's Figure 3c: choices among candidates in the styles of bases, against BT's choice, by number of known pairs."""

from collections.abc import Sequence

from prefactor.evaluation.generation.against_bt import BT, DELTA, KNOWN, RELATIVE, VRF, WIN_RATE
from prefactor.reporting.estimates import PERCENT, POINTS, TO, UNSIGNED, Estimate, Scale
from prefactor.reporting.figures import Curve, Mark, by_bin
from prefactor.reporting.generation.measured import Measured
from prefactor.reporting.generation.names import name_of, style_of
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import COIN, Standing, cell, clauses, listed, standing
from prefactor.reporting.tables import Row, Table

FORMS = {
    WIN_RATE: ("Win rate over BT's choice, %", PERCENT, ""),
    DELTA: ("Points", POINTS, "Less the lowest of the figure, as the name \N{GREEK CAPITAL LETTER DELTA} suggests"),
    RELATIVE: ("Ratio", UNSIGNED, "Divided by the lowest of the figure"),
    f"{WIN_RATE}_minus_{VRF}": ("Points", POINTS, "Minus VRF, prompt by prompt"),
}
NOTE = (
    "The paper gives the win rate \N{LEFT DOUBLE QUOTATION MARK}normalized by the global minimum"
    "\N{RIGHT DOUBLE QUOTATION MARK}, and not whether that is a difference or a quotient: both are in the tables, and "
    "the drawing is of the win rate itself, where BT's own would be 50 %. The lowest one is taken as given: its own "
    "uncertainty is in no interval. There a language model judged by the user's profile; here gold utility does."
)
Curves = dict[str, dict[str, Estimate]]  # by method, then by group of |C|


def against_bt_part(measured: Measured) -> Part | None:
    """None where nobody's choices were held against BT's."""
    groups, curves = measured.values(KNOWN, WIN_RATE), _curves(measured, WIN_RATE)
    if not groups:
        return None
    drawn = [
        Curve(Mark(*name_of(method), style_of(method)), *_points(curve, groups)) for method, curve in curves.items()
    ]
    said = "win rate over BT's choice by number of known pairs; the table below has the numbers"
    drawing = by_bin(drawn, [_range(group) for group in groups], "known pairs, |C|", "against-bt", said)
    return Part(
        "Choosing among styles, as in VRF's Figure 3c",
        "For each prompt there are candidates, each written in the style of one preference basis; every method keeps "
        "the one of its highest reward, and gold utility compares it with what BT keeps. The same candidate is a tie.",
        sentences=(*_verdict(curves, groups), *_highest(measured, groups)),
        panels=(Panel("Win rate over BT's choice, %", drawing),),
        brief=next(iter(_highest(measured, groups)), ""),
        tables=tuple(
            _table(_curves(measured, metric), groups, *how) for metric, how in FORMS.items() if measured.find(metric)
        ),
        note=NOTE,
    )


def _curves(measured: Measured, metric: str) -> Curves:
    curves: Curves = {}
    for key, own in measured.find(metric):
        curves.setdefault(key.method, {})[key.parsed[KNOWN]] = own
    return curves


def _points(curve: dict[str, Estimate], groups: Sequence[str]) -> tuple[tuple[int, ...], tuple[Estimate, ...]]:
    known = [group for group in groups if group in curve]
    return tuple(groups.index(group) for group in known), tuple(curve[group] for group in known)


def _table(curves: Curves, groups: Sequence[str], first: str, scale: Scale, summary: str) -> Titled:
    rows = tuple(
        Row(name_of(method).label, style_of(method), tuple(cell(curve.get(group), scale) for group in groups))
        for method, curve in curves.items()
    )
    return Titled(first, Table(tuple(f"|C| = {_range(group)}" for group in groups), rows), summary)


def _verdict(curves: Curves, groups: Sequence[str]) -> tuple[str, ...]:
    """By group of |C|, who is shown to choose better than BT, who is not, and who worse."""
    said = []
    for group in groups:
        found = {name_of(method): curve[group] for method, curve in curves.items() if group in curve}
        parts = clauses(found, COIN, f"{name_of(BT).label}'s choice", PERCENT)
        said.append(f"At |C| = {_range(group)}: {'; '.join(parts)}.")
    return tuple(said)


def _highest(measured: Measured, groups: Sequence[str]) -> tuple[str, ...]:
    """Where VRF is shown to be above every other method, as the paper has it everywhere."""
    paired = _curves(measured, f"{WIN_RATE}_minus_{VRF}")
    if not paired:
        return ()
    clear = [
        group
        for group in groups
        if all(standing(curve[group], 0.0) is Standing.BELOW for curve in paired.values() if group in curve)
    ]
    everywhere = (
        "in every group"
        if len(clear) == len(groups)
        else f"at |C| = {listed([*map(_range, clear)])}"
        if clear
        else "nowhere"
    )
    return (f"Choosing among styles: VRF above all other methods {everywhere}.",)


def _range(group: str) -> str:
    return group.replace("-", TO)
