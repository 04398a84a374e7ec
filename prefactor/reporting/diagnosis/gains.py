"""What sampling more candidates brings by each model, beside the oracle and a blind choice."""

from prefactor.evaluation.scaling.pool import ORACLE
from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.names import Styles, mark_of, name_of
from prefactor.reporting.estimates import PERCENT, Estimate
from prefactor.reporting.figures import Curve
from prefactor.reporting.lines import lines
from prefactor.reporting.name import Name
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import IN_SPREADS, Standing, cell, clauses, sentence, standing, words
from prefactor.reporting.tables import Row, Table

NOTE = (
    "Gains are in sd, the mean standard deviation of gold utility among a query's candidates. They are exactly what to "
    "expect over all ways to draw N of a query's candidates. Bands, and the intervals in sentences, are the wider of "
    "two 95 % intervals: over users, and over users and what they share, which is in italics in tables. Of several "
    "training seeds a figure is the mean; no interval covers others."
)


def gains_part(measured: Measured, styles: Styles) -> Part | None:
    """None where there is no curve."""
    if not measured.models:
        return None
    n = measured.sizes[-1]
    found = {Name(name_of(model)): own[n] for model in measured.models if n in (own := measured.gains(model))}
    return Part(
        "What more candidates bring",
        "Of N candidates for a user's query the one of the highest score is kept. Its gold utility, above that of a "
        "candidate picked blindly; the oracle chooses by gold utility itself and bounds what any score can gain.",
        sentences=(sentence([f"at N = {n}: {'; '.join(clauses(found, 0.0, 'a blind choice', IN_SPREADS))}"]),),
        panels=(_panel(measured, styles),),
        tables=(_table(measured, styles),),
        note=NOTE,
    )


def gain_words(measured: Measured, model: str) -> str:
    """``with N = 32 gains +1.20 sd [+1.10 to +1.30], 58.1 % [53.3 - 62.9] of the oracle's gain``; or that it does harm,
    or that nothing is shown."""
    n = measured.sizes[-1]
    own, share = measured.gains(model).get(n), measured.share(model)
    if own is None:
        return "has no gain that could be measured"
    told, value = standing(own, 0.0), words(own, IN_SPREADS)
    if told is Standing.OPEN:
        return f"is not shown to gain anything with N = {n} ({value})"
    part = f", {words(share, PERCENT)} of the oracle's gain" if share else ""
    return f"with N = {n} gains {value}{part}" if told is Standing.ABOVE else f"with N = {n} does harm: {value}"


def _panel(measured: Measured, styles: Styles) -> Panel:
    sizes = measured.sizes
    drawn = [_curve(measured, model, styles) for model in (ORACLE, *measured.models)]
    said = "gain over a blind choice by number of candidates; the table below has the numbers"
    curves = [curve for curve in drawn if curve.shots]
    drawing = lines(curves, [*map(str, sizes)], "candidates, N  (log scale)", IN_SPREADS, "gains", said, reference=0.0)
    return Panel("Gain in gold utility over a blind choice, sd", drawing)


def _curve(measured: Measured, model: str, styles: Styles) -> Curve:
    gains: dict[int, Estimate] = measured.gains(model)
    places = tuple(measured.sizes.index(n) for n in gains)
    return Curve(mark_of(model, styles), places, tuple(gains.values()))


def _table(measured: Measured, styles: Styles) -> Titled:
    def row(model: str) -> Row:
        gains = measured.gains(model)
        cells = [cell(gains.get(n), IN_SPREADS) for n in measured.sizes[1:]]
        return Row(name_of(model), styles.get(model), (*cells, cell(measured.share(model), PERCENT)))

    headings = (*(f"N = {n}" for n in measured.sizes[1:]), "Of the oracle's, %")
    return Titled("Gain, sd", Table(headings, tuple(map(row, measured.models)), (row(ORACLE),)))
