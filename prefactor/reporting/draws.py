"""The few-shot curve when the shots are drawn anew: means over draws in a band of their spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from prefactor.reporting.estimates import PERCENT, TO, Estimate
from prefactor.reporting.figures import Curve, Mark, few_shot
from prefactor.reporting.style import Style, method_name
from prefactor.reporting.tables import Cell, Contender, Row, Section, Table
from prefactor.trainings import Training

PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


@dataclass(frozen=True)
class DrawsView:
    """Curves with bands of one standard deviation over draws, the numbers behind them, how many draws there were."""

    drawing: Markup
    table: Table
    draws: int


def spread_over_draws(table: pd.DataFrame) -> pd.DataFrame:
    """Every draw's accuracy (``evaluation.draws.draws_table``) -> index shots; columns mean, std, min, max, draws.

    A draw's figure is the mean over training seeds, so that the spread is that of the draws alone.
    """
    by_draw = table.groupby(["shots", "draw"])["accuracy"].mean().groupby("shots")
    return by_draw.agg(["mean", "std", "min", "max", "count"]).rename(columns={"count": "draws"})


def view_of_draws(
    section: Section, styled: Mapping[Contender, Style], trainings: Mapping[Contender, Training]
) -> DrawsView | None:
    """Contenders whose shots were drawn anew; None where nobody's were."""
    found = {item: spread_over_draws(training.draws) for item, training in trainings.items() if len(training.draws)}
    if not found:
        return None
    shots = sorted({int(size) for spread in found.values() for size in spread.index})
    words = f"{section.dataset}: accuracy on unseen users whose reference pairs are drawn anew; a table has the numbers"
    curves = [_curve(item, styled[item], spread) for item, spread in found.items()]
    rows = [_row(item, styled[item], spread, shots) for item, spread in found.items()]
    most = max(int(spread["draws"].max()) for spread in found.values())
    drawing = few_shot(curves, [], f"{section.anchor}-draws", words)
    return DrawsView(drawing, Table(tuple(map(str, shots)), tuple(rows)), most)


def _curve(item: Contender, style: Style, spread: pd.DataFrame) -> Curve:
    mark = Mark(method_name(item.method), " ".join(part for part in item[1:] if part), style)
    figures = zip(spread["mean"].astype(float), spread["std"].astype(float), strict=True)
    estimates = tuple(Estimate(mean, mean - std, mean + std) for mean, std in figures)
    return Curve(mark, tuple(int(size) for size in spread.index), estimates)


def _row(item: Contender, style: Style, spread: pd.DataFrame, shots: Sequence[int]) -> Row:
    figures = spread[["mean", "std", "min", "max"]].itertuples(index=False, name=None)
    cells = {int(size): _cell(*row) for size, row in zip(spread.index, figures, strict=True)}
    return Row(item.label, style, tuple(cells.get(size, Cell(TO)) for size in shots))


def _cell(mean: float, std: float, least: float, most: float) -> Cell:
    text = f"{PERCENT.text(mean)} {PLUS_MINUS} {PERCENT.text(std)}"
    return Cell(text, f"{PERCENT.text(least)} {TO} {PERCENT.text(most)}", mean)
