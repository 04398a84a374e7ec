"""The four quantities of every model, with what noise makes of them."""

from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.names import Styles, name_of
from prefactor.reporting.estimates import PERCENT, SIGNED, UNSIGNED, Scale
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import cell
from prefactor.reporting.tables import Row, Table

ALPHA, BETA, RHO = "α", "β", "ρ"
PLUS, MINUS = f"{RHO}₊", f"{RHO}₋"
Columns = dict[str, tuple[str, Scale]]

QUANTITIES: Columns = {
    "collapse_rate": (f"{ALPHA}, %", PERCENT),
    "hacking_rate": (f"{BETA}, %", PERCENT),
    "hacking_rate_of_noise": (f"{BETA} of noise, %", PERCENT),
    "healthy_correlation": (PLUS, UNSIGNED),
    "hacked_correlation": (MINUS, UNSIGNED),
    "correlation": (f"Mean {RHO}", SIGNED),
    "rank_correlation": (f"Mean {RHO}, ranks", SIGNED),
}
CORRECTED: Columns = {
    "collapse_by_spread": (f"{ALPHA} by spread, %", PERCENT),
    "collapse_by_correlation": (f"{ALPHA} by correlation, %", PERCENT),
    "collapse_rate_corrected": (f"{ALPHA} corrected, %", PERCENT),
    "hacking_rate_corrected": (f"{BETA} corrected, %", PERCENT),
    "healthy_correlation_corrected": (f"{PLUS} corrected", UNSIGNED),
    "hacked_correlation_corrected": (f"{MINUS} corrected", UNSIGNED),
}


def quantities_part(measured: Measured, styles: Styles) -> Part | None:
    """None where there is no model."""
    if not measured.models:
        return None
    tables = [_table(measured, styles, columns) for columns in (QUANTITIES, CORRECTED)]
    return Part(
        "The four quantities",
        f"{ALPHA}: the share of users that have collapsed. {BETA}: of the others' queries, the share "
        f"whose correlation is negative. {PLUS} and {MINUS}: the mean correlation in the queries that are "
        "healthy, and its mean magnitude in those that are hacked.",
        tables=tuple(table for table in tables if table.table.headings),
        note=f"{BETA} of noise is what few candidates alone make were every query of the mean correlation. Corrected "
        "figures are those of the correlations' distribution with that noise taken out. "
        f"Mean {RHO}: over users, by Pearson and by ranks (Spearman). Below a figure its 95 % interval over users, and "
        "in italics the one over users and what they share.",
    )


def _table(measured: Measured, styles: Styles, columns: Columns) -> Titled:
    given = [name for name in columns if any(measured.one(model, name) for model in measured.models)]
    rows = tuple(
        Row(
            name_of(model),
            styles.get(model),
            tuple(cell(measured.one(model, name), columns[name][1]) for name in given),
        )
        for model in measured.models
    )
    return Titled("Model", Table(tuple(columns[name][0] for name in given), rows))
