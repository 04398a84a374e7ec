"""A figure against a few values of a number: curves with bands."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from prefactor.reporting.estimates import Scale
from prefactor.reporting.figures import CURVE_MARGINS, CURVES, WIDTH, Curve, end_labels
from prefactor.reporting.svg import blank, drawing, ink, inline


def lines(
    curves: Sequence[Curve],
    values: Sequence[str],
    axis: str,
    scale: Scale,
    name: str,
    description: str,
    reference: float | None = None,
    own: int | None = None,
) -> Markup:
    """A figure, as ``scale`` prints it, against ``values``, evenly spaced; the ``shots`` of a curve are places in them.

    Bands are the wider intervals. Dotted lines at ``reference``, in the figure's own unit, and at the place ``own``.
    """
    with drawing(name):
        figure, axes = blank(WIDTH, CURVES, 40, 132, *CURVE_MARGINS)
        axes.xaxis.set_major_locator(FixedLocator(range(len(values))))
        axes.set_xticklabels(values)
        axes.set_xlabel(axis, color=ink("muted"), labelpad=4)
        axes.margins(x=0.03, y=0.08)
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _trimmed(scale, value / scale.factor)))
        axes.grid(axis="y", color=ink("rule"), linewidth=0.75)
        for at, draw in ((reference, axes.axhline), (own, axes.axvline)):
            if at is not None:
                size = scale.factor if draw == axes.axhline else 1.0
                draw(at * size, color=ink("muted"), linewidth=1, linestyle=(0, (1, 2)))
        for curve in curves:
            _line(axes, curve, scale)
        ends = [(curve.mark, curve.estimates[-1].value * scale.factor) for curve in curves]
        end_labels(axes, ends, CURVES - sum(CURVE_MARGINS))
        return inline(figure, description)


def _line(axes: Axes, curve: Curve, scale: Scale) -> None:
    mark, widest = curve.mark, [estimate.widest for estimate in curve.estimates]
    value, low, high = (np.array([getattr(e, end) for e in widest]) * scale.factor for end in ("value", "low", "high"))
    axes.fill_between(curve.shots, low, high, color=mark.colour, alpha=0.13, linewidth=0)
    (line,) = axes.plot(curve.shots, value, color=mark.colour, linestyle=mark.dashes, linewidth=1.2, zorder=2)
    if mark.style is not None:
        line.set(marker=mark.marker, markersize=5.0, markerfacecolor=mark.face, linewidth=1.9, zorder=3)


def _trimmed(scale: Scale, value: float) -> str:
    text = scale.text(value)
    return text.rstrip("0").rstrip(".") if "." in text else text
