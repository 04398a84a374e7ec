"""The report's figures: one small drawing each, sized so that it reads on a phone and, scaled, on a desk."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from prefactor.reporting.estimates import PERCENT, TO, Estimate, Scale
from prefactor.reporting.style import Style
from prefactor.reporting.svg import blank, drawing, ink, inline

WIDTH = 440.0
LABELS, FIGURES = 92.0, 92.0  # the forest's columns of names and of numbers
LINE = 40.0  # height of a forest's row
LONGEST_NAME = 17
LONGEST_LABEL = 24
REACH = 0.35  # a ceiling is drawn if it lies at most so far above the curves, as a share of their range
CURVES = 330.0  # height of the few-shot figure
CURVE_MARGINS = (12.0, 44.0)  # above and below it
BIN = 0.72  # of the distance between two bins: how far apart the first and last of those side by side may be
LABEL_HEIGHT = 11.0  # least distance of two labels at the end of a curve


@dataclass(frozen=True)
class Mark:
    """One row of a forest, or one curve's identity; ``style`` is None for a ceiling."""

    name: str
    detail: str
    style: Style | None
    estimate: Estimate = field(default_factory=lambda: Estimate(math.nan))
    seeds: tuple[float, ...] = ()

    @property
    def colour(self) -> str:
        """Its colour on paper."""
        return ink("muted") if self.style is None else self.style.hex

    @property
    def face(self) -> str:
        """The marker's inside: hollow for ceilings and further variants."""
        return ink("paper") if self.style is None or self.style.open else self.style.hex

    @property
    def marker(self) -> str:
        """The marker's shape."""
        return "|" if self.style is None else self.style.marker

    @property
    def dashes(self) -> str:
        """How its curve is drawn."""
        return (0, (2, 2.5)) if self.style is None else "--" if self.style.open else "-"  # type: ignore[return-value]


@dataclass(frozen=True)
class Curve:
    """A few-shot curve: estimates at ascending numbers of reference pairs."""

    mark: Mark
    shots: tuple[int, ...]
    estimates: tuple[Estimate, ...]


@dataclass(frozen=True)
class Path:
    """Validation accuracy of one seed: steps, two series, and the step that was kept (None if unknown)."""

    seed: str
    steps: tuple[int, ...]
    users: tuple[float, ...]
    pairs: tuple[float, ...]
    kept: int | None


def forest(
    marks: Sequence[Mark],
    scale: Scale,
    limits: tuple[float, float],
    reference: float,
    name: str,
    description: str,
) -> Markup:
    """Values with their intervals, one row each; a thin line at ``reference`` to hold them against.

    The thin line beyond an interval over users is the one over users and what they share.

    Values and ``limits`` are in the metric's own unit; small ticks under a value are the single seeds.
    """
    with drawing(name):
        figure, axes = blank(WIDTH, LINE * len(marks) + 40, LABELS, FIGURES, 8, 28)
        axes.set(xlim=[end * scale.factor for end in limits], ylim=(len(marks) - 0.5, -0.5))
        axes.set_yticks([])
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, scale)))
        axes.grid(axis="x", color=ink("rule"), linewidth=0.75)
        if math.isfinite(reference):
            axes.axvline(reference * scale.factor, color=ink("muted"), linewidth=1, linestyle=(0, (1, 2)))
        for row, mark in enumerate(marks):
            _whisker(axes, row, mark, scale)
            _row_text(axes, row, mark, scale)
        return inline(figure, description)


def few_shot(curves: Sequence[Curve], ceilings: Sequence[Mark], name: str, description: str) -> Markup:
    """Accuracy on unseen users against the number of reference pairs (log axis), intervals as bands."""
    with drawing(name):
        figure, axes = blank(WIDTH, CURVES, 34, 126, *CURVE_MARGINS)
        shots = sorted({shot for curve in curves for shot in curve.shots})
        _shot_axis(axes, shots)
        _percent_axis(axes)
        for curve in curves:
            _curve(axes, curve, [_position(shot, shots) for shot in curve.shots])
        near = _within_reach(axes, ceilings)
        for ceiling in near:
            axes.axhline(ceiling.estimate.value * 100, color=ceiling.colour, linewidth=1, linestyle=ceiling.dashes)
        ends = [(curve.mark, _last(curve)) for curve in curves]
        ends += [(ceiling, ceiling.estimate.value * 100) for ceiling in near]
        end_labels(axes, ends, CURVES - sum(CURVE_MARGINS))
        return inline(figure, description)


def by_value(
    curves: Sequence[Curve], values: Sequence[str], own: int, axis: str, name: str, description: str
) -> Markup:
    """Accuracy against a parameter's ``values``, evenly spaced; a line at the base's ``own``, by its place among them.

    The ``shots`` of a curve are places among the values. Intervals are bands.
    """
    with drawing(name):
        figure, axes = blank(WIDTH, CURVES, 34, 126, *CURVE_MARGINS)
        axes.xaxis.set_major_locator(FixedLocator(range(len(values))))
        axes.set_xticklabels(values)
        axes.set_xlabel(axis, color=ink("muted"), labelpad=4)
        _percent_axis(axes)
        axes.axvline(own, color=ink("muted"), linewidth=1, linestyle=(0, (1, 2)))
        for curve in curves:
            _curve(axes, curve, curve.shots)
        end_labels(axes, [(curve.mark, _last(curve)) for curve in curves], CURVES - sum(CURVE_MARGINS))
        return inline(figure, description)


def by_bin(curves: Sequence[Curve], bins: Sequence[str], axis: str, name: str, description: str) -> Markup:
    """Accuracy (%) in a few ordered bins: the curves side by side in each, with a forest's two intervals, upright.

    The ``shots`` of a curve are places among the bins.
    """
    with drawing(name):
        figure, axes = blank(WIDTH, CURVES, 34, 126, *CURVE_MARGINS)
        axes.xaxis.set_major_locator(FixedLocator(range(len(bins))))
        axes.set_xticklabels(bins)
        axes.set_xlabel(axis, color=ink("muted"), labelpad=4)
        _percent_axis(axes)
        for number, curve in enumerate(curves):
            shift = BIN * ((number + 0.5) / len(curves) - 0.5)
            _upright(axes, curve, [place + shift for place in curve.shots])
        end_labels(axes, [(curve.mark, _last(curve)) for curve in curves], CURVES - sum(CURVE_MARGINS))
        return inline(figure, description)


def training(paths: Sequence[Path], colour: str, limits: tuple[float, float], name: str, description: str) -> Markup:
    """Validation accuracy by step, a line per seed; a ring marks the step that was kept."""
    with drawing(name):
        figure, axes = blank(300, 190, 30, 10, 10, 32)
        _percent_axis(axes, [end * 100 for end in limits], ticks=4)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel("step", color=ink("muted"), loc="right", labelpad=1)
        for path in paths:
            axes.plot(path.steps, np.array(path.pairs) * 100, color=colour, linestyle=(0, (2, 2)), alpha=0.45)
            axes.plot(path.steps, np.array(path.users) * 100, color=colour, alpha=0.9)
            _kept(axes, path, colour)
        return inline(figure, description)


def histogram(edges: Sequence[float], counts: Sequence[int], unit: str, name: str, description: str) -> Markup:
    """How often a number occurs: bars between ascending ``edges``, counts (len(edges) - 1) not labelled."""
    with drawing(name):
        figure, axes = blank(300, 120, 6, 6, 6, 34)
        widths = np.diff(edges) * 0.92
        axes.bar(edges[:-1], counts, width=widths, align="edge", color=ink("muted"), alpha=0.75, linewidth=0)
        axes.set_yticks([])
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel(unit, color=ink("muted"), labelpad=1)
        return inline(figure, description)


def limits_of(estimates: Sequence[Estimate], scale: Scale, include: Sequence[float] = ()) -> tuple[float, float]:
    """A common range for several forests: all intervals and ``include``, with a margin, in the metric's own unit."""
    ends = [end for item in estimates for end in (item.value, item.low, item.high, item.low_items, item.high_items)]
    known = [end for end in (*ends, *include) if math.isfinite(end)]
    if not known:
        return (0.0, 1.0)
    margin = max(0.06 * (max(known) - min(known)), 0.5 / scale.factor if scale.factor > 1 else 0.005)
    return (min(known) - margin, max(known) + margin)


def _whisker(axes: Axes, row: int, mark: Mark, scale: Scale) -> None:
    estimate, factor = mark.estimate, scale.factor
    if not math.isfinite(estimate.value):
        return
    if mark.style is None:
        axes.axvline(estimate.value * factor, color=mark.colour, linewidth=1, linestyle=mark.dashes)
    if estimate.with_items.has_interval:
        ends = [estimate.low_items * factor, estimate.high_items * factor]
        axes.plot(ends, [row, row], color=mark.colour, linewidth=0.9, solid_capstyle="butt")
    if estimate.has_interval:
        ends = [estimate.low * factor, estimate.high * factor]
        axes.plot(ends, [row, row], color=mark.colour, linewidth=2.2, solid_capstyle="round")
    if len(mark.seeds) > 1:
        at, below = np.array(mark.seeds) * factor, np.full(len(mark.seeds), row + 0.27)
        axes.plot(at, below, "|", color=mark.colour, markersize=5, markeredgewidth=1, alpha=0.6)
    (point,) = axes.plot([estimate.value * factor], [row], color=mark.colour, marker=mark.marker, zorder=3)
    point.set(markerfacecolor=mark.face, markeredgewidth=1.8, markersize=11.0 if mark.style is None else 6.8)


def _row_text(axes: Axes, row: int, mark: Mark, scale: Scale) -> None:
    row_text(axes, row, (mark.name, scale.text(mark.estimate.value)), (mark.detail, mark.estimate.interval(scale, TO)))


def row_text(axes: Axes, row: int, upper: tuple[str, str], lower: tuple[str, str]) -> None:
    """Name and detail at the left, value and what belongs to it at the right: two lines, each of left and right."""
    left_edge = -LABELS / (WIDTH - LABELS - FIGURES)
    for (left, right), shift, size, colour in ((upper, -0.17, 12.0, ink("ink")), (lower, 0.21, 9.0, ink("muted"))):
        for edge, text in ((left_edge, _short(left)), (1.045, right)):
            place = axes.get_yaxis_transform()
            axes.text(edge, row + shift, text, size=size, color=colour, va="center", transform=place, clip_on=False)


def _curve(axes: Axes, curve: Curve, at: Sequence[float]) -> None:
    mark = curve.mark
    estimates = [estimate.widest for estimate in curve.estimates]
    value, low, high = (np.array([getattr(e, end) for e in estimates]) * 100 for end in ("value", "low", "high"))
    axes.fill_between(at, low, high, color=mark.colour, alpha=0.13, linewidth=0)
    (line,) = axes.plot(at, value, color=mark.colour, linestyle=mark.dashes, linewidth=1.2, zorder=2)
    if mark.style is not None:
        line.set(marker=mark.marker, markersize=5.0, markerfacecolor=mark.face, linewidth=1.9, zorder=3)


def _upright(axes: Axes, curve: Curve, at: Sequence[float]) -> None:
    """Points with whiskers, thin over users and items and thicker over users, and a faint line that joins them."""
    mark, values = curve.mark, [estimate.value * 100 for estimate in curve.estimates]
    for place, estimate in zip(at, curve.estimates, strict=True):
        for interval, width in ((estimate.with_items, 0.7), (estimate, 1.6)):
            if interval.has_interval:
                axes.plot([place] * 2, [interval.low * 100, interval.high * 100], color=mark.colour, linewidth=width)
    axes.plot(at, values, color=mark.colour, linestyle=mark.dashes, linewidth=0.8, alpha=0.35)
    (points,) = axes.plot(at, values, color=mark.colour, linestyle="", marker=mark.marker, zorder=3)
    points.set(markersize=4.6, markerfacecolor=mark.face, markeredgewidth=1.2)


def _shot_axis(axes: Axes, shots: Sequence[int]) -> None:
    axes.xaxis.set_major_locator(FixedLocator([_position(shot, shots) for shot in shots]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(shot) for shot in shots])
    axes.set_xlabel("reference pairs of the unseen user, |C|  (log scale)", color=ink("muted"), labelpad=4)


def _position(shot: int, shots: Sequence[int]) -> float:
    """log2 of the number of pairs; no pairs at all stand one octave left of the first."""
    first = min((other for other in shots if other > 0), default=1)
    return math.log2(shot) if shot > 0 else math.log2(first) - 1


def _percent_axis(axes: Axes, limits: Sequence[float] | None = None, ticks: int = 6) -> None:
    if limits is not None:
        axes.set_ylim(*limits)
    axes.margins(x=0.03, y=0.08)
    axes.yaxis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 5, 10], integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: PERCENT.text(value / 100).removesuffix(".0")))
    axes.grid(axis="y", color=ink("rule"), linewidth=0.75)


def _within_reach(axes: Axes, ceilings: Sequence[Mark]) -> list[Mark]:
    """Those that can be drawn without squeezing the curves flat."""
    low, high = axes.get_ylim()
    return [ceiling for ceiling in ceilings if ceiling.estimate.value * 100 <= high + REACH * (high - low)]


def _last(curve: Curve) -> float:
    known = [estimate.value * 100 for estimate in curve.estimates if math.isfinite(estimate.value)]
    return known[-1] if known else math.nan


def end_labels(axes: Axes, ends: Sequence[tuple[Mark, float]], height: float) -> None:
    """Names at the right of the curves' ends, pushed apart until they can be read; axes of ``height`` units."""
    ends = sorted(((mark, end) for mark, end in ends if math.isfinite(end)), key=lambda item: item[1])
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    gap = LABEL_HEIGHT * (high - low) / height
    for (mark, _), place in zip(ends, _spread([end for _, end in ends], gap), strict=True):
        text = _short(f"{mark.name} {mark.detail}".rstrip(), LONGEST_LABEL)
        transform = axes.get_yaxis_transform()
        axes.text(1.02, place, text, size=10, color=mark.colour, va="center", transform=transform, clip_on=False)


def _spread(places: Sequence[float], gap: float) -> list[float]:
    """Ascending places moved as little as it takes for neighbours to be ``gap`` apart: clusters keep their centre."""
    clusters: list[list[float]] = []
    for place in places:
        clusters.append([place])
        while len(clusters) > 1 and _middle(clusters[-1]) - _middle(clusters[-2]) < gap * _half(clusters[-2:]):
            last = clusters.pop()
            clusters[-1] += last
    return [_middle(cluster) + gap * step for cluster in clusters for step in _centred(len(cluster))]


def _centred(count: int) -> list[float]:
    """Whole steps about zero: 3 -> -1, 0, 1."""
    return [index - (count - 1) / 2 for index in range(count)]


def _middle(cluster: Sequence[float]) -> float:
    return sum(cluster) / len(cluster)


def _half(pair: Sequence[Sequence[float]]) -> float:
    return sum(len(cluster) for cluster in pair) / 2


def _kept(axes: Axes, path: Path, colour: str) -> None:
    if path.kept is None or path.kept not in path.steps:
        return
    at = path.steps.index(path.kept)
    (ring,) = axes.plot([path.kept], [path.users[at] * 100], "o", color=colour, zorder=3)
    ring.set(markerfacecolor=ink("paper"), markersize=6)


def _tick(value: float, scale: Scale) -> str:
    text = scale.text(value / scale.factor)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _short(text: str, longest: int = LONGEST_NAME) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"
