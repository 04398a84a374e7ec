"""The same diagnosis with fewer known pairs of every user: one table beside the page's own figures."""

from collections.abc import Mapping

from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.names import Styles, name_of
from prefactor.reporting.diagnosis.quantities import CORRECTED, QUANTITIES
from prefactor.reporting.estimates import PERCENT
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import IN_SPREADS, cell
from prefactor.reporting.tables import Row, Table

SHOWN = ("collapse_rate", "hacking_rate", "hacking_rate_corrected", "correlation")
COLUMNS = {metric: {**QUANTITIES, **CORRECTED}[metric] for metric in SHOWN}


def known_part(everything: Measured, fewer: Mapping[int, Measured], styles: Styles) -> Part | None:
    """``fewer``: diagnoses by number of known pairs. None where there are none."""
    if not fewer:
        return None
    conditions = {**{f"|C| = {shots}": fewer[shots] for shots in sorted(fewer)}, "all pairs": everything}
    rows = tuple(
        Row(f"{name_of(model)}, {label}", styles.get(model), _cells(measured, model))
        for model in everything.models
        for label, measured in conditions.items()
        if model in measured.models
    )
    headings = (
        *(heading for heading, _ in COLUMNS.values()),
        f"Gain at N = {everything.sizes[-1]}, sd",
        "Of the oracle's, %",
    )
    return Part(
        "With fewer known pairs",
        "The same queries and candidates, scored when less was known of a user: |C| pairs of theirs.",
        tables=(Titled("Model", Table(headings, rows)),),
    )


def _cells(measured: Measured, model: str) -> tuple:
    figures = [cell(measured.one(model, metric), scale) for metric, (_, scale) in COLUMNS.items()]
    gain = measured.gains(model).get(measured.sizes[-1])
    return (*figures, cell(gain, IN_SPREADS), cell(measured.share(model), PERCENT))
