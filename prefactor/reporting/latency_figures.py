"""Drawing of how long a new user takes: seconds on a logarithmic axis, a row each for the backbone and every method."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from prefactor.evaluation.latency import Latency
from prefactor.reporting.facts import duration
from prefactor.reporting.figures import FIGURES, LABELS, LINE, WIDTH, Mark, row_text
from prefactor.reporting.svg import blank, drawing, ink, inline

MARGIN = 1.8  # factor beyond the least and the most


@dataclass(frozen=True)
class Span:
    """One row: who, and the seconds a user. The backbone's mark has no style."""

    mark: Mark
    latency: Latency


def spans(rows: Sequence[Span], reference: float, name: str, description: str) -> Markup:
    """A marker at the seconds in a batch, a line from it to a tick at those of one at a time.

    A thin line at ``reference`` seconds to hold them against.
    """
    ends = [end for row in rows for end in (row.latency.batched, row.latency.single)]
    with drawing(name):
        figure, axes = blank(WIDTH, LINE * len(rows) + 40, LABELS, FIGURES, 8, 28)
        axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=[], xscale="log")
        axes.set_xlim(min(ends) / MARGIN, max(ends) * MARGIN)
        axes.xaxis.set_major_locator(LogLocator(base=10, numticks=7))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value).replace(".0 ", " ")))
        axes.grid(axis="x", color=ink("rule"), linewidth=0.75)
        axes.axvline(reference, color=ink("muted"), linewidth=1, linestyle=(0, (1, 2)))
        for number, row in enumerate(rows):
            _span(axes, number, row)
        return inline(figure, description)


def _span(axes: Axes, number: int, row: Span) -> None:
    mark, latency = row.mark, row.latency
    axes.plot([latency.batched, latency.single], [number, number], color=mark.colour, linewidth=1.6)
    axes.plot([latency.single], [number], "|", color=mark.colour, markersize=11, markeredgewidth=1.8)
    (point,) = axes.plot([latency.batched], [number], color=mark.colour, zorder=3)
    point.set(marker="o" if mark.style is None else mark.marker, markersize=6.8)
    point.set(markerfacecolor=mark.colour if mark.style is None else mark.face, markeredgewidth=1.8)
    row_text(axes, number, (mark.name, duration(latency.batched)), (mark.detail, f"{duration(latency.single)} alone"))
