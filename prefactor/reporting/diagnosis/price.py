"""Gain per further candidate against N, for all models in one picture."""

from prefactor.evaluation.scaling.pool import ORACLE
from prefactor.reporting.diagnosis.drawings import gain_per_candidate
from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.names import Styles, mark_of, name_of
from prefactor.reporting.diagnosis.worth import TAIL, worth, worth_text
from prefactor.reporting.estimates import TO, Estimate, Scale
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import cell
from prefactor.reporting.tables import Cell, Row, Table
from prefactor.reporting.verdict import PERCENT_SIGN

SPREADS = Scale(1.0, 3, True, "sd")


def price_part(measured: Measured, styles: Styles, cost: float | None) -> Part | None:
    """None where there is no curve of two N."""
    if not measured.models or len(measured.sizes) < 2:
        return None
    brought = {model: measured.steps(model) for model in (ORACLE, *measured.models)}
    said = "gain per further candidate by number of candidates; the table below has the numbers"
    drawn = [(mark_of(model, styles), points) for model, points in brought.items()]
    drawing = gain_per_candidate(drawn, cost, "price", said)
    return Part(
        "What N is worth paying for",
        "What each further candidate brings: the observed gain at N less that at the N before, divided by the "
        "candidates in between.",
        sentences=(_rule(cost), *_chosen(measured, cost)),
        panels=(Panel("Gain per further candidate, sd  (log scale)", drawing),),
        tables=(_table(measured, brought, styles, cost),),
        note="Steps that bring nothing are not drawn. Which N is named rests on the steps' own values; the gain there "
        "is shown to be above 0"
        + ("." if cost is None else ", and above its cost: s and the cost are taken as given."),
    )


def _rule(cost: float | None) -> str:
    if cost is not None:
        return (
            f"A candidate costs {cost:g} sd (the dotted line). Named is the N at which the gain less the cost of all "
            "candidates but the first is greatest, if that gain is shown to be above its cost."
        )
    return (
        "No cost of a candidate was given. Named is the N beyond which a further one brings less than "
        f"{TAIL * 100:g}{PERCENT_SIGN} of what the second brought. Where utilities are normal the law puts "
        "that at the same N for every score: a weaker one gains less at all N alike."
    )


def _chosen(measured: Measured, cost: float | None) -> tuple[str, ...]:
    by: dict[str, list[str]] = {}
    for model in measured.models:
        by.setdefault(worth_text(worth(measured, model, cost)), []).append(name_of(model))
    return tuple(
        f"N = {text}: {', '.join(names)}." if text[0].isdigit() else f"{', '.join(names)}: {text}."
        for text, names in by.items()
    )


def _table(measured: Measured, brought: dict[str, dict[int, Estimate]], styles: Styles, cost: float | None) -> Titled:
    steps = measured.sizes[1:]
    headings = tuple(
        f"{before + 1}{TO}{n}" if n > before + 1 else str(n) for before, n in zip(measured.sizes, steps, strict=False)
    )

    def row(model: str, chosen: str) -> Row:
        cells = [cell(brought[model].get(n), SPREADS) for n in steps]
        return Row(name_of(model), styles.get(model), (*cells, Cell(chosen)))

    rows = tuple(row(model, str(worth(measured, model, cost).n or TO)) for model in measured.models)
    return Titled("Candidates", Table((*headings, "N worth paying for"), rows, (row(ORACLE, TO),)))
