"""Whether the law's assumptions hold: the greatest of N utilities beside that of a normal distribution."""

from prefactor.evaluation.scaling.pool import ORACLE
from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.names import OWN_KAPPA, OWN_SPREAD, name_of
from prefactor.reporting.estimates import SIGNED, UNSIGNED, Estimate
from prefactor.reporting.figures import Curve, Mark
from prefactor.reporting.lines import lines
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import IN_SPREADS, Standing, cell, listed, standing, words
from prefactor.reporting.style import Style
from prefactor.reporting.tables import Row, Table

NORMAL = "kappa_normal"
MEASURED_STYLE = Style("blue")


def utilities_part(measured: Measured) -> Part | None:
    """None where the utilities' own curve was not measured."""
    own, normal = measured.curve(ORACLE, "kappa"), measured.curve("", NORMAL)
    if not own or not normal:
        return None
    curves = [_curve(Mark("Measured", "", MEASURED_STYLE), own), _curve(Mark("Normal", "", None), normal)]
    said = "kappa measured on the pool's own utilities beside that of a normal distribution"
    drawing = lines(curves, [*map(str, own)], "candidates, N  (log scale)", UNSIGNED, "kappa", said)
    return Part(
        "Do the law's assumptions hold?",
        "The law takes a query's utilities for normal. κ(N) is what the greatest of N is expected to be, in standard "
        "deviations above the mean: as measured on the gold utilities, and for a normal distribution.",
        sentences=tuple(text for text in (_reach(own, normal), _shape(measured), _together(measured)) if text),
        panels=(Panel("κ(N)", drawing),),
        tables=(_table(own, normal),),
        note="Of a query's M candidates N are drawn without putting back, so near N = M even normal utilities stay a "
        "little below the normal curve. The errors of all laws are above.",
    )


def _curve(mark: Mark, points: dict[int, Estimate]) -> Curve:
    return Curve(mark, tuple(range(len(points))), tuple(points.values()))


def _reach(own: dict[int, Estimate], normal: dict[int, Estimate]) -> str:
    n = max(set(own) & set(normal), default=None)
    if n is None:
        return ""
    told = standing(own[n], normal[n].value)
    said = {Standing.ABOVE: "above", Standing.BELOW: "below", Standing.OPEN: "not told from"}[told]
    measured = words(own[n], UNSIGNED)
    return f"At N = {n} the measured κ is {measured}, {said} the normal one, {UNSIGNED.text(normal[n].value)}."


def _shape(measured: Measured) -> str:
    names = {"skewness": "Skewness", "excess_kurtosis": "excess kurtosis"}
    found = {name: own for metric, name in names.items() if (own := measured.one(ORACLE, metric))}
    parts = [f"{name} {SIGNED.text(own.value)}" for name, own in found.items()]
    return f"{listed(parts)} of gold utilities within a query: a normal distribution has 0 of both." if parts else ""


def _together(measured: Measured) -> str:
    """What the prediction changes by where spread and correlation are not taken for independent."""
    n, moved = measured.sizes[-1], {}
    for model in measured.models:
        apart, both = (measured.predicted(model, law).get(n) for law in (OWN_KAPPA, OWN_SPREAD))
        if apart is not None and both is not None:
            moved[model] = f"{name_of(model)} {IN_SPREADS.text(both.value - apart.value)}"
    told = "Queries of large spread need not be those of high correlation, nor collapsed users useless: measuring both"
    return f"{told} together moves the prediction at N = {n} by, in sd: {', '.join(moved.values())}." if moved else ""


def _table(own: dict[int, Estimate], normal: dict[int, Estimate]) -> Titled:
    rows = (
        Row("Measured", MEASURED_STYLE, tuple(cell(own[n], UNSIGNED) for n in own)),
        Row("Normal", None, tuple(cell(normal.get(n), UNSIGNED) for n in own)),
    )
    return Titled("κ(N)", Table(tuple(f"N = {n}" for n in own), rows))
