"""Bars about zero, each with its name and number."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from prefactor.reporting.estimates import SIGNED, short
from prefactor.reporting.style import PALETTE
from prefactor.reporting.svg import blank, drawing, ink, inline

LINE = 19.0  # height of a bar's row
CHART, NAMES, NOTES = 330.0, 108.0, 44.0  # width of a chart of bars, and of its columns of names and numbers
UP, DOWN = "vermillion", "blue"


@dataclass(frozen=True)
class Bar:
    """One row of a chart: a value about zero, and whether its name is marked."""

    name: str
    value: float
    marked: bool = False


def bars(rows: Sequence[Bar], unit: str, name: str, description: str) -> Markup:
    """A row each, above zero to the right; the names of marked ones are bold."""
    with drawing(name):
        figure, axes = blank(CHART, LINE * len(rows) + 40, NAMES, NOTES, 6, 34)
        axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=[])
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        axes.set_xlabel(unit, color=ink("muted"), loc="right", labelpad=2)
        axes.grid(axis="x", color=ink("rule"), linewidth=0.75)
        axes.axvline(0, color=ink("muted"), linewidth=1)
        for row, bar in enumerate(rows):
            _bar(axes, row, bar)
        return inline(figure, description)


def _bar(axes: Axes, row: int, bar: Bar) -> None:
    colour = PALETTE[UP if bar.value > 0 else DOWN][0]
    axes.barh(row, bar.value, height=0.62, color=colour, alpha=0.5, linewidth=0)
    place, weight = axes.get_yaxis_transform(), "bold" if bar.marked else "normal"
    edge = -NAMES / (CHART - NAMES - NOTES)
    axes.text(edge, row, bar.name, size=9.5, color=ink("ink"), va="center", weight=weight, transform=place)
    text = SIGNED.text(bar.value)
    axes.text(1.04, row, text, size=9.5, color=ink("muted"), va="center", transform=place)
