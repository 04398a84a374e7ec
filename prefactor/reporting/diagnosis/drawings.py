"""Drawings of a diagnosis: a law beside what was observed, gain per candidate, correlations of queries."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from prefactor.evaluation.scaling.histogram import WIDTH as BIN
from prefactor.reporting.estimates import Estimate, short
from prefactor.reporting.figures import CURVE_MARGINS, CURVES, WIDTH, Mark, end_labels
from prefactor.reporting.svg import blank, drawing, ink, inline

SMALL, LOW = 300.0, 210.0  # width and height of a small multiple
MARGINS = (8.0, 40.0)  # above and below it
LABELS = 66.0  # its column of names
HEADROOM = 1.45  # how far above the model's own curves the axis may reach for the oracle's
TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

Points = Mapping[int, Estimate]  # by N


@dataclass(frozen=True)
class Law(Mark):
    """A prediction's curve, in the colour of text: no model's."""

    line: str = "-"

    @property
    def colour(self) -> str:
        """Of all predictions the same: they differ in their dashes."""
        return ink("ink")

    @property
    def dashes(self) -> str:
        """How its curve is drawn."""
        return self.line


def law_and_observed(
    mark: Mark, observed: Points, laws: Sequence[tuple[Law, Points]], oracle: Points, name: str, description: str
) -> Markup:
    """Gain against N (log axis): a model's with its band, what laws predict, the oracle's; choosing blindly is zero.

    The oracle's curve may leave the figure at the top, so that the model's can be read.
    """
    with drawing(name):
        figure, axes = blank(SMALL, LOW, 28, LABELS, *MARGINS)
        _size_axis(axes, list(observed))
        axes.axhline(0, color=ink("muted"), linewidth=1, linestyle=(0, (1, 2)))
        _banded(axes, mark, observed)
        for law, points in laws:
            _plain(axes, law, points, 1.1)
        _limit(axes, [observed, *(points for _, points in laws)], oracle)
        top = axes.get_ylim()[1]
        bound = Mark("Oracle", "", None)
        _plain(axes, bound, oracle, 1.2)
        ends = [(Mark("Observed", "", mark.style), _last(observed)), *((law, _last(points)) for law, points in laws)]
        ends += [(bound, min(_last(oracle), top)), (Mark("Random", "", None), 0.0)]
        end_labels(axes, ends, LOW - sum(MARGINS))
        return inline(figure, description)


def gain_per_candidate(
    curves: Sequence[tuple[Mark, Points]], cost: float | None, name: str, description: str
) -> Markup:
    """What each further candidate brings (log axis) against N (log axis); a dotted line at its ``cost``.

    A step that brings nothing, or harms, has no point: the line stops there.
    """
    with drawing(name):
        figure, axes = blank(WIDTH, CURVES, 44, 122, *CURVE_MARGINS)
        _size_axis(axes, sorted({n for _, points in curves for n in points}))
        ends = []
        for mark, points in curves:
            paid = {n: own for n, own in points.items() if own.value > 0}
            height = np.log10(_values(paid)) if paid else np.array([])
            (line,) = axes.plot(_octaves(paid), height, color=mark.colour, linestyle=mark.dashes, linewidth=1.6)
            if mark.style is not None:
                line.set(marker=mark.marker, markersize=5.0, markerfacecolor=mark.face)
            ends += [(mark, float(height[-1]))] if paid else []
        if cost:
            axes.axhline(math.log10(cost), color=ink("muted"), linewidth=1, linestyle=(0, (1, 2)))
        axes.margins(x=0.03, y=0.08)
        _power_axis(axes)
        end_labels(axes, ends, CURVES - sum(CURVE_MARGINS))
        return inline(figure, description)


def correlations(counts: Mapping[float, float], mark: Mark, name: str, description: str) -> Markup:
    """How queries' correlations are spread from -1 to 1: ``counts`` by left edge; those below zero are paler."""
    with drawing(name):
        figure, axes = blank(SMALL, 130, 6, 6, 6, 36)
        edges = np.array(sorted(counts))
        heights = np.array([counts[edge] for edge in edges])
        for chosen, alpha in ((edges < -BIN / 2, 0.4), (edges >= -BIN / 2, 0.85)):
            at = edges[chosen]
            axes.bar(at, heights[chosen], width=0.92 * BIN, align="edge", color=mark.colour, alpha=alpha, linewidth=0)
        axes.axvline(0, color=ink("muted"), linewidth=1)
        axes.set(xlim=(-1.02, 1.02), yticks=[])
        axes.xaxis.set_major_locator(FixedLocator([-1, -0.5, 0, 0.5, 1]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        axes.set_xlabel("correlation with gold utility in a query", color=ink("muted"), labelpad=1)
        return inline(figure, description)


def _size_axis(axes: Axes, sizes: Sequence[int]) -> None:
    axes.xaxis.set_major_locator(FixedLocator([math.log2(size) for size in sizes]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(size) for size in sizes])
    axes.set_xlabel("candidates, N  (log scale)", color=ink("muted"), labelpad=3)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.grid(axis="y", color=ink("rule"), linewidth=0.75)


def _power_axis(axes: Axes) -> None:
    """The heights of the axis are logarithms to base 10; the labels say what of."""
    axes.yaxis.set_major_locator(FixedLocator([math.log10(tick) for tick in TICKS]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{10**value:.3g}"))


def _plain(axes: Axes, mark: Mark, points: Points, width: float) -> None:
    axes.plot(_octaves(points), _values(points), color=mark.colour, linestyle=mark.dashes, linewidth=width, zorder=4)


def _banded(axes: Axes, mark: Mark, points: Points) -> None:
    at, widest = _octaves(points), [own.widest for own in points.values()]
    low, high = ([getattr(own, end) for own in widest] for end in ("low", "high"))
    axes.fill_between(at, low, high, color=mark.colour, alpha=0.18, linewidth=0)
    (line,) = axes.plot(at, _values(points), color=mark.colour, linestyle=mark.dashes, linewidth=1.9, zorder=3)
    line.set(marker=mark.marker, markersize=4.6, markerfacecolor=mark.face)


def _limit(axes: Axes, own: Sequence[Points], oracle: Points) -> None:
    """From the least of the model's own figures to the oracle's greatest, if that is not far above."""
    found = [end for points in own for e in points.values() for end in (e.value, e.widest.low, e.widest.high)]
    known = [end for end in (*found, 0.0) if math.isfinite(end)]
    low, high = min(known), max(known)
    best = max((e.value for e in oracle.values()), default=high)
    top = min(best, HEADROOM * high) if high > 0 else 0.25 * best
    margin = 0.07 * (max(top, high) - low) or 0.5
    axes.set_ylim(low - margin, max(top, high) + margin)


def _octaves(points: Points) -> list[float]:
    return [math.log2(n) for n in points]


def _values(points: Points) -> list[float]:
    return [own.value for own in points.values()]


def _last(points: Points) -> float:
    return list(points.values())[-1].value if points else math.nan
