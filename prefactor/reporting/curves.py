"""Figures of probabilities: reliability diagrams, accuracy against coverage, a null distribution with what was seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from prefactor.reporting.figures import Mark, end_labels
from prefactor.reporting.style import PALETTE
from prefactor.reporting.svg import blank, drawing, ink, inline

WIDTH, HEIGHT = 440.0, 330.0
MARGINS = (34.0, 126.0, 12.0, 44.0)  # left, right, above, below
LEAST_SHARE = 0.005  # of all pairs: a bin with fewer is noise, and is not drawn


@dataclass(frozen=True)
class Line:
    """One contender's curve: ``at`` and ``value`` as shares, ascending in ``at``; ``weight`` of each point, or 1."""

    mark: Mark
    at: tuple[float, ...]
    value: tuple[float, ...]
    weight: tuple[float, ...] = ()


def reliability(lines: Sequence[Line], name: str, description: str) -> Markup:
    """Accuracy against confidence by bin, % both; on the dotted diagonal a model is right as often as it says.

    The area of a point grows with the bin's share of pairs.
    """
    with drawing(name):
        figure, axes = blank(WIDTH, HEIGHT, *MARGINS)
        _percent(axes, "confidence, %")
        axes.plot([50, 100], [50, 100], color=ink("muted"), linewidth=1, linestyle=(0, (1, 2)))
        for line in lines:
            kept = np.array(line.weight) >= LEAST_SHARE
            at, value = np.array(line.at)[kept] * 100, np.array(line.value)[kept] * 100
            area = 6 + 220 * np.array(line.weight)[kept]
            _draw(axes, line, at, value)
            axes.scatter(
                at,
                value,
                area,
                marker=line.mark.marker,
                facecolors=line.mark.face,
                zorder=3,
                edgecolors=line.mark.colour,
            )
        _ends(axes, lines)
        return inline(figure, description)


def coverage(lines: Sequence[Line], name: str, description: str) -> Markup:
    """Accuracy, %, when the rest is set aside, against the share that is kept."""
    with drawing(name):
        figure, axes = blank(WIDTH, HEIGHT, *MARGINS)
        _percent(axes, "kept, %")
        for line in lines:
            _draw(axes, line, np.array(line.at) * 100, np.array(line.value) * 100)
        _ends(axes, lines)
        return inline(figure, description)


def _draw(axes: Axes, line: Line, at: np.ndarray, value: np.ndarray) -> None:
    axes.plot(at, value, color=line.mark.colour, linestyle=line.mark.dashes, linewidth=1.6, zorder=2)


def _ends(axes: Axes, lines: Sequence[Line]) -> None:
    end_labels(axes, [(line.mark, line.value[-1] * 100) for line in lines if line.value], HEIGHT - sum(MARGINS[2:]))


def _percent(axes: Axes, label: str) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.margins(x=0.03, y=0.05)
    axes.grid(axis="y", color=ink("rule"), linewidth=0.75)
    axes.set_xlabel(label, color=ink("muted"), labelpad=4)


def null_distribution(values: Sequence[float], observed: float, unit: str, name: str, description: str) -> Markup:
    """How often chance gives which value: bars; a line at what was observed, labelled."""
    with drawing(name):
        figure, axes = blank(WIDTH, 200, 12, 12, 24, 40)
        reach = [*values, observed]
        axes.hist(values, bins=24, color=ink("muted"), alpha=0.75, linewidth=0)
        axes.axvline(observed, color=PALETTE["vermillion"][0], linewidth=2)
        axes.axvline(0, color=ink("muted"), linewidth=1, linestyle=(0, (1, 2)))
        late = observed > (min(reach) + max(reach)) / 2
        side, top, colour = "right" if late else "left", axes.get_xaxis_transform(), PALETTE["vermillion"][0]
        axes.text(observed, 1.03, "observed", va="bottom", ha=side, size=11, color=colour, transform=top)
        axes.set_yticks([])
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.set_xlabel(unit, color=ink("muted"), labelpad=4)
        return inline(figure, description)
