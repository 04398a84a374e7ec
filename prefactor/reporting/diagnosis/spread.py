"""How the correlations of single queries are spread, model by model."""

import pandas as pd

from prefactor.reporting.diagnosis.drawings import correlations
from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.names import Styles, mark_of, name_of
from prefactor.reporting.estimates import PERCENT
from prefactor.reporting.panels import Panel
from prefactor.reporting.part import Part
from prefactor.reporting.verdict import PERCENT_SIGN


def spread_part(measured: Measured, table: pd.DataFrame, styles: Styles) -> Part | None:
    """None where no query has a correlation."""
    panels = [_panel(model, rows, styles) for model in measured.models if len(rows := table[table["model"] == model])]
    if not panels:
        return None
    return Part(
        "The correlations of single queries",
        "Between a model's scores and gold utility over the candidates of each of the users' queries: "
        "what lies below zero looks hacked.",
        panels=tuple(panels),
        note="Of all users, those who have collapsed too. Noise of few candidates is in them: a reward of one and the "
        "same true correlation would spread too.",
        small=True,
    )


def _panel(model: str, rows: pd.DataFrame, styles: Styles) -> Panel:
    counts = {round(float(edge), 6): float(count) for edge, count in zip(rows["bin"], rows["count"], strict=True)}
    below = sum(count for edge, count in counts.items() if edge < -1e-9) / max(sum(counts.values()), 1.0)
    share = f"{PERCENT.text(below)}{PERCENT_SIGN} below zero"
    drawing = correlations(counts, mark_of(model, styles), f"spread-{model}", f"{name_of(model)}: {share}")
    return Panel(f"{name_of(model)}: {share}", drawing)
