"""Selection rules beside plain argmax: the verdict, curves by their parameters, and what the chosen ones gain."""

import math

import pandas as pd

from prefactor.evaluation.scaling.rules.rule import ARGMAX
from prefactor.evaluation.scaling.rules.search import DIFFERENCE
from prefactor.evaluation.scaling.rules.verdict import judged
from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.names import Styles, mark_of, name_of, rule_name
from prefactor.reporting.estimates import Estimate, Scale, short
from prefactor.reporting.figures import Curve
from prefactor.reporting.lines import lines
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import IN_SPREADS, cell, words
from prefactor.reporting.tables import Row, Table
from prefactor.reporting.verdict import PERCENT_SIGN

MOST_TICKS = 10
SHARE = Scale(100.0, 1, True, "%")  # of what plain argmax gains
VALUES = ["value", "ci_low", "ci_high", "low_items", "high_items"]


def rules_part(measured: Measured, table: pd.DataFrame | None, styles: Styles) -> Part | None:
    """``table``: what ``evaluation.scaling.rules.compare_rules`` gives. None where no rule was tried."""
    if table is None:
        return None
    table = _in_spreads(measured, table[table["n"] > 1])
    compared = table[(table["metric"] == DIFFERENCE) & (table["rule"] != ARGMAX.name)]
    if compared.empty:
        return None
    models = [model for model in measured.models if (compared["model"] == model).any()]
    n = int(compared["n"].max())
    return Part(
        "Other rules than the greatest score",
        "What a rule gains more than plain argmax, query by query, in sd. A rule has at most one parameter, chosen on "
        "users that are not among those it is judged by; the curves show, "
        f"at N = {n}, what other parameters would have made.",
        sentences=tuple(_verdict(judged(table, model), name_of(model)) for model in models),
        panels=_panels(compared[compared["n"] == n], n, styles),
        tables=(_table(compared[compared["chosen"]], models, styles),),
        note="A rule beats plain argmax where the wider of two 95 % intervals, widened further for as many rules as "
        "were tried, lies above 0. The highest point of a curve is no parameter that anybody could have known. Global: "
        "where a model is not trusted, one for everybody decides.",
    )


def _in_spreads(measured: Measured, rules: pd.DataFrame) -> pd.DataFrame:
    """Gains and their differences in sd; what is no gain is not read."""
    return rules.assign(**{name: rules[name] / measured.spread for name in VALUES})


def _verdict(found: pd.DataFrame, name: str) -> str:
    """Which of a model's rules beat plain argmax, each where it is surest, or how near the best comes."""
    tried, sure = found["rule"].nunique(), found[found["beats"]]
    if sure.empty:
        best = found.loc[found["value"].idxmax()]
        return f"{name}: none of {tried} rules beats plain argmax; the largest difference is {_difference(best)}."
    each = [_of_sizes(rows) for _, rows in sure.groupby("rule", sort=False)]
    return f"{name}: {len(each)} of {tried} rules beat plain argmax: {'; '.join(each)}."


def _of_sizes(rows: pd.DataFrame) -> str:
    """A rule at the N where it is surest, and at which others it is sure."""
    surest = rows.loc[(rows["low"] / rows["plain"]).idxmax()]
    others = [str(n) for n in sorted(rows["n"]) if n != surest["n"]]
    return _difference(surest) + (f" (also at N = {', '.join(others)})" if others else "")


def _difference(row: pd.Series) -> str:
    own = words(Estimate(row["value"], row["low"], row["high"]), IN_SPREADS)
    share = f", {SHARE.text(row['value'] / row['plain'])}{PERCENT_SIGN} of the gain" if row["plain"] > 0 else ""
    return f"{_set(row['rule'], row['parameter'])}, {own} at N = {row['n']}{share}"


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
        estimates = tuple(map(Estimate.of_row, own.itertuples(index=False)))
        curves.append(Curve(mark_of(str(model), styles), places, estimates))
    ticks = _thinned([*map(short, values)])
    said = f"{rule_name(rule)}: gain less that of plain argmax at N = {n}, sd, by its parameter"
    drawing = lines(curves, ticks, "parameter", IN_SPREADS, f"rule-{rule}", said, reference=0.0)
    return Panel(f"{rule[:1].upper()}{rule_name(rule[1:])}", drawing)


def _table(chosen: pd.DataFrame, models: list[str], styles: Styles) -> Titled:
    sizes = sorted(int(n) for n in chosen["n"].unique())
    at = {(row.model, row.rule, int(row.n)): row for row in chosen.itertuples(index=False)}
    rows = tuple(
        Row(
            f"{name_of(model)}: {_set(rule, at[model, rule, sizes[0]].parameter)}",
            styles.get(model),
            tuple(cell(Estimate.of_row(at[model, rule, n]), IN_SPREADS) for n in sizes),
        )
        for model in models
        for rule in chosen.loc[chosen["model"] == model, "rule"].unique()
    )
    summary = "Rules with the parameters chosen for them"
    return Titled("Minus plain argmax, sd", Table(tuple(f"N = {n}" for n in sizes), rows), summary)


def _thinned(ticks: list[str]) -> list[str]:
    """Every second of many, so that they can be read."""
    return ticks if len(ticks) <= MOST_TICKS else [tick * (1 - place % 2) for place, tick in enumerate(ticks)]


def _set(rule: str, parameter: float) -> str:
    """A rule, and what its parameter is set to."""
    return rule_name(rule) + ("" if math.isnan(parameter) else f" at {short(parameter)}")
