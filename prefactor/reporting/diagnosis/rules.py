"""Selection rules beside plain argmax: the verdict, curves by their parameters, and what the chosen ones gain."""

import math

import pandas as pd

from prefactor.evaluation.scaling.rules import verdict
from prefactor.reporting.diagnosis.measured import Measured, estimate_of
from prefactor.reporting.diagnosis.names import Styles, mark_of, name_of
from prefactor.reporting.figures import Curve
from prefactor.reporting.lines import lines
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import GAIN as IN_SPREADS
from prefactor.reporting.printed import cell
from prefactor.reporting.tables import Row, Table

AGAINST = "gain_minus_argmax"
ARGMAX = "argmax"
MOST_TICKS = 10
VALUES = ["value", "ci_low", "ci_high", "low_items", "high_items"]


def rules_part(measured: Measured, table: pd.DataFrame | None, styles: Styles) -> Part | None:
    """``table``: what ``evaluation.scaling.rules.compare_rules`` gives. None where no rule was tried."""
    if table is None or not len(compared := table[(table["metric"] == AGAINST) & (table["rule"] != ARGMAX)]):
        return None
    compared = _in_spreads(measured, compared[compared["n"] > 1])
    models = [model for model in measured.models if (compared["model"] == model).any()]
    n = int(compared["n"].max())
    return Part(
        "Other rules than the greatest score",
        "What a rule gains more than plain argmax, query by query, in sd. A rule has at most one parameter, chosen on "
        "users that are not among those it is judged by; the curves show, "
        f"at N = {n}, what other parameters would have made.",
        sentences=tuple(_verdict(_in_spreads(measured, table), model) for model in models),
        panels=_panels(compared[compared["n"] == n], n, styles),
        tables=(_table(compared[compared["chosen"]], models, styles),),
        note="A rule beats plain argmax where the wider of two 95 % intervals, widened further for as many rules as "
        "were tried, lies above 0. The highest point of a curve is no parameter that anybody could have known. Global: "
        "where a model is not trusted, one for everybody decides.",
    )


def _in_spreads(measured: Measured, rules: pd.DataFrame) -> pd.DataFrame:
    """Gains and their differences in sd; what is no gain is not read."""
    return rules.assign(**{name: rules[name] / measured.spread for name in VALUES})


def _verdict(rules: pd.DataFrame, model: str) -> str:
    return verdict(rules.assign(model=rules["model"].map(name_of)), name_of(model))


def _panels(rules: pd.DataFrame, n: int, styles: Styles) -> tuple[Panel, ...]:
    """For every rule with several parameters: the difference at the largest N, a curve per model."""
    tried = rules[rules["parameter"].notna()]
    return tuple(
        _panel(str(rule), rows, n, styles)
        for rule, rows in tried.groupby("rule", sort=False)
        if rows["parameter"].nunique() > 2
    )


def _panel(rule: str, rows: pd.DataFrame, n: int, styles: Styles) -> Panel:
    values = sorted(rows["parameter"].unique())
    curves = []
    for model, own in rows.sort_values("parameter").groupby("model", sort=False):
        places = tuple(values.index(value) for value in own["parameter"])
        curves.append(Curve(mark_of(str(model), styles), places, tuple(map(estimate_of, own.itertuples(index=False)))))
    ticks = _thinned([f"{value:g}".replace("-", "−") for value in values])
    said = f"{rule}: gain less that of plain argmax at N = {n}, sd, by its parameter"
    drawing = lines(curves, ticks, "parameter", IN_SPREADS, f"rule-{rule}", said, reference=0.0)
    return Panel(f"{rule[:1].upper()}{rule[1:]}".replace(" - ", " − "), drawing)


def _table(chosen: pd.DataFrame, models: list[str], styles: Styles) -> Titled:
    sizes = sorted(int(n) for n in chosen["n"].unique())
    at = {(row.model, row.rule, int(row.n)): row for row in chosen.itertuples(index=False)}
    rows = tuple(
        Row(
            f"{name_of(model)}: {rule}{_parameter(at[model, rule, sizes[0]].parameter)}",
            styles.get(model),
            tuple(cell(estimate_of(at[model, rule, n]), IN_SPREADS) for n in sizes),
        )
        for model in models
        for rule in chosen.loc[chosen["model"] == model, "rule"].unique()
    )
    summary = "Rules with the parameters chosen for them"
    return Titled("Minus plain argmax, sd", Table(tuple(f"N = {n}" for n in sizes), rows), summary)


def _thinned(ticks: list[str]) -> list[str]:
    """Every second of many, so that they can be read."""
    return ticks if len(ticks) <= MOST_TICKS else [tick * (1 - place % 2) for place, tick in enumerate(ticks)]


def _parameter(value: float) -> str:
    return "" if math.isnan(value) else f", at {value:g}".replace("-", "−")
