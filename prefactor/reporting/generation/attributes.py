"""What Drift takes a user's taste to be (its Figure 6), and whether true attributes are found, where they are known."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from prefactor.evaluation.generation.precision import ABOVE, CHANCE, PRECISION
from prefactor.reporting.estimates import PERCENT, POINTS, Estimate
from prefactor.reporting.generation.bars import Bar, bars
from prefactor.reporting.generation.measured import Measured
from prefactor.reporting.generation.names import name_of, style_of
from prefactor.reporting.name import Name
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part, Titled
from prefactor.reporting.printed import cell, clauses
from prefactor.reporting.tables import Row, Table

USERS = 6
ENDS = 5  # attributes shown of those above and of those below zero


def chart_part(attributes: pd.DataFrame) -> Part | None:
    """A chart for each of the first USERS; None where there is no table."""
    panels = [
        _chart(int(user), rows) for user, rows in attributes.groupby("user", sort=True) if len(rows) and user <= USERS
    ]
    if not panels:
        return None
    known = attributes["true"].notna().any()
    bold = " Bold names are attributes that are truly the user's." if known else ""
    return Part(
        "What single users seem to want",
        "Drift's reading of a user: for each attribute, W \N{MINUS SIGN} L, the mean of its zero-shot reward over the "
        "responses that the user chose, less that over those rejected. Above zero, responses with the attribute were "
        "chosen.",
        panels=tuple(panels[:USERS]),
        note=f"In nats; the {ENDS} largest on either side.{bold} From a few pairs, much of this is chance: how well it "
        "predicts further choices is above.",
        small=True,
    )


def precision_part(measured: Measured, about: Mapping[str, Any]) -> Part | None:
    """None where nobody knows the true attributes."""
    sizes = measured.values("k", PRECISION)
    if not sizes:
        return None
    contenders = list(dict.fromkeys(key.method for key, _ in measured.find(PRECISION)))
    rows = []
    for method in contenders:
        for metric, scale, label in ((PRECISION, PERCENT, ""), (ABOVE, POINTS, ", above chance in points")):
            cells = tuple(cell(measured.one(metric, method, k=size), scale) for size in sizes)
            rows.append(Row(name_of(method).label + label, style_of(method), cells))
    blind = [
        Row(
            f"Chance, for {name_of(method).label}",
            None,
            tuple(cell(measured.one(CHANCE, method, k=size), PERCENT) for size in sizes),
        )
        for method in contenders
    ]
    table = Table(tuple(f"first {size}" for size in sizes), tuple(rows), tuple(blind))
    return Part(
        "Are the true attributes found?",
        "The share of the first k attributes that a method selects for a user which are truly the user's, where it is "
        "known what users want; chance picks blindly from the library.",
        sentences=_verdict(measured, sizes[-1]),
        brief=_brief(measured, sizes[-1]),
        tables=(Titled("Precision, %", table),),
        note=f"{_choice(about)}Intervals are of 95 %, over users.",
    )


def _choice(about: Mapping[str, Any]) -> str:
    """How much of the library the world measures: what it does not would be a wrong attribute to name."""
    size, measured = about.get("attributes"), about.get("attributes of the world")
    if size is None or measured is None:
        return ""
    if size == measured:
        return (
            f"All {size} attributes of the library are scorers of this world: nobody can name an attribute that the "
            "world does not have, and with a larger library precision would be lower. "
        )
    return f"Of the {size} attributes of the library {measured} are scorers of this world; the others are never true. "


def _chart(user: int, rows: pd.DataFrame) -> Panel:
    ordered = rows.assign(marked=rows["true"].eq(True)).sort_values("difference", ascending=False)
    liked = ordered[ordered["difference"] > 0].head(ENDS)
    disliked = ordered[ordered["difference"] < 0].tail(ENDS)
    shown = pd.concat([liked, disliked])
    found = [Bar(row.attribute, row.difference, row.marked) for row in shown.itertuples()]
    said = "; ".join(f"{bar.name} {bar.value:+.2f}" for bar in found)
    drawing = bars(found, "W \N{MINUS SIGN} L, nats", f"attributes-{user}", f"user {user}, W minus L, nats: {said}")
    return Panel(f"User {user}", drawing)


def _verdict(measured: Measured, size: str) -> tuple[str, ...]:
    parts = clauses(_found(measured, size), 0.0, "chance", POINTS)
    return (f"Of the first {size} attributes: {'; '.join(parts)}.",) if parts else ()


def _brief(measured: Measured, size: str) -> str:
    parts = clauses(_found(measured, size), 0.0, "chance")
    return f"True attributes among the first {size}: {'; '.join(parts)}." if parts else ""


def _found(measured: Measured, size: str) -> dict[Name, Estimate]:
    return {name_of(key.method): own for key, own in measured.find(ABOVE, k=size)}
