"""The law's curves beside the observed one, model by model."""

from collections.abc import Iterator, Mapping
from itertools import product

from prefactor.evaluation.scaling.law import OTHER_HALF
from prefactor.evaluation.scaling.pool import ORACLE
from prefactor.reporting.diagnosis.drawings import Law, law_and_observed
from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.names import (
    LAW_WORDS,
    LAWS,
    MEASURED_KAPPA,
    OWN_SPREAD,
    PUBLISHED,
    Styles,
    mark_of,
    name_of,
)
from prefactor.reporting.estimates import UNSIGNED, Estimate, Scale
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import IN_SPREADS, Standing, beside, cell, listed, standing
from prefactor.reporting.tables import Row, Table

DASHES = {PUBLISHED: "--", MEASURED_KAPPA: "-.", OWN_SPREAD: ":"}
DRAWN = {law: Law(LAWS[law], "", None, line=dashes) for law, dashes in DASHES.items()}
Figures = Mapping[tuple[str, str], Estimate | None]  # by model and law
ERROR = Scale(1.0, 3, False, "sd")


def law_part(measured: Measured, styles: Styles, halves: str) -> Part | None:
    """``halves``: of what one half predicts the other. None where nothing was predicted."""
    if not any(measured.laws(model, "predicted_gain") for model in measured.models):
        return None
    n = max(n for model, law in product(measured.models, LAWS) for n in measured.predicted(model, law))
    return Part(
        "The law beside what was observed",
        "The law predicts the curve from the spread s of utilities, the share α of collapsed users, the share β of "
        "hacked queries, and the mean correlations of healthy and of hacked ones: s κ(N) (1 − α) [(1 − β) ρ₊ − β ρ₋]."
        f" Each prediction is made from one half of the {halves} for the other.",
        sentences=_judged(measured),
        panels=tuple(_panel(measured, model, styles) for model in measured.models),
        tables=(_errors(measured, styles), _ratios(measured, styles, n), _predictions(measured, styles)),
        note="Dotted line at 0: a blind choice. The oracle's curve leaves a figure at the top where it is far above "
        "the model's. Published: κ(N) of normal utilities. Measured κ: of the pool's own utilities. Scores' κ: of the "
        "scores themselves. With sρ: that, and the mean over queries of spread times correlation, which are not taken "
        "for independent, nor collapsed users for useless. The other half's curve is no law: it is what was observed "
        "on the half that the laws are made from, and errs by chance alone. Over M candidates a correlation measures "
        "too small by about ρ (1 − ρ²) / 2 (M − 1): all laws but the last promise too little by that.",
        small=True,
    )


def _panel(measured: Measured, model: str, styles: Styles) -> Panel:
    observed, oracle = (measured.gains(name) for name in (model, ORACLE))
    predictions = [(law, measured.predicted(model, name)) for name, law in DRAWN.items()]
    known = [(law, points) for law, points in predictions if points]
    said = f"{name_of(model)}: gain in sd by number of candidates, observed and predicted; numbers are in tables"
    drawing = law_and_observed(mark_of(model, styles), observed, known, oracle, f"law-{model}", said)
    return Panel(f"{name_of(model)}: gain, sd", drawing)


def _judged(measured: Measured) -> tuple[str, ...]:
    """By law, for whom it is shown to promise too much or too little, and for whom not; then the nearest law."""
    return (*(text for law in DRAWN for text in _judged_by(measured, law)), *_nearest(measured))


def _judged_by(measured: Measured, law: str) -> Iterator[str]:
    found = {model: own for model in measured.models if (own := measured.one(model, "law_bias", law))}
    by = {where: [model for model, own in found.items() if standing(own, 0.0) is where] for where in Standing}
    said = {
        Standing.ABOVE: "promises too much for {}",
        Standing.BELOW: "promises too little for {}",
        Standing.OPEN: "is not told from what was observed for {}",
    }
    clauses = [said[where].format(listed([*map(name_of, names)])) for where, names in by.items() if names]
    if clauses:
        yield f"Over all N together {LAW_WORDS[law]} {'; '.join(clauses)}."


def _nearest(measured: Measured) -> Iterator[str]:
    """For whom a law's error is shown to be below all others'."""
    by: dict[str, list[str]] = {}
    for model in measured.models:
        errors = {law: own for law in LAWS if (own := measured.one(model, "law_error", law))}
        if len(errors) > 1:
            best = min(errors, key=lambda law: errors[law].value)
            told = all(beside(errors[best], own) is Standing.BELOW for law, own in errors.items() if law != best)
            by.setdefault(best if told else "", []).append(name_of(model))
    nearest = [f"{LAW_WORDS[law]} for {listed(names)}" for law, names in by.items() if law]
    nearest += [f"no law is told from the next for {listed(by[''])}"] if "" in by else []
    if nearest:
        yield f"Nearest: {'; '.join(nearest)}."


def _predictions(measured: Measured, styles: Styles) -> Titled:
    sizes = measured.sizes[1:]

    def row(label: str, model: str, curve: dict[int, Estimate]) -> Row:
        return Row(label, styles.get(model), tuple(cell(curve.get(n), IN_SPREADS) for n in sizes))

    rows = []
    for model in measured.models:
        rows.append(row(f"{name_of(model)}, observed", model, measured.gains(model)))
        rows += [row(f"{name_of(model)}, {LAWS[law].lower()}", model, measured.predicted(model, law)) for law in LAWS]
    return Titled("Gain, sd", Table(tuple(f"N = {n}" for n in sizes), tuple(rows)), "Gains, observed and predicted")


def _errors(measured: Measured, styles: Styles) -> Titled:
    columns = {**LAWS, OTHER_HALF: "The other half's curve"}
    found = {at: measured.one(at[0], "law_error", at[1]) for at in product(measured.models, columns)}
    return Titled("Root mean square error, sd", _by_law(measured, styles, ERROR, found, columns))


def _ratios(measured: Measured, styles: Styles, n: int) -> Titled:
    found = {at: measured.one(at[0], "law_ratio", at[1], n) for at in product(measured.models, LAWS)}
    return Titled("Ratio", _by_law(measured, styles, UNSIGNED, found, LAWS), f"Predicted over observed at N = {n}")


def _by_law(measured: Measured, styles: Styles, scale: Scale, figures: Figures, columns: Mapping[str, str]) -> Table:
    """A row for each model, a column for each law, or what is named beside them."""

    def row(model: str) -> Row:
        return Row(name_of(model), styles.get(model), tuple(cell(figures[model, law], scale) for law in columns))

    return Table(tuple(columns.values()), tuple(map(row, measured.models)))
