"""Drawings of what a VRF has learnt of its users: use of its bases, its preference space, single users."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse
from matplotlib.ticker import FuncFormatter, MaxNLocator

from prefactor.reporting.style import PALETTE
from prefactor.reporting.svg import blank, drawing, ink, inline

LINE = 21.0  # height of a row
WIDTH, NAMES, COUNTS = 440.0, 150.0, 78.0  # of the coverage figure; its columns of names and of numbers
PERSON = (330.0, 146.0)  # width of a person's figure, and of its column of names
SPACE = 440.0  # side of the preference space
COLOURED = tuple(
    name for name in PALETTE if name != "grey"
)  # the bases that most users are nearest to; others are grey


@dataclass(frozen=True)
class Bar:
    """One row: what it is, the name of its colour, a share as a bar, further shares as marks, a note at the right."""

    name: str
    colour: str
    share: float
    dots: tuple[float, ...] = ()  # the first filled, the second hollow
    note: str = ""


@dataclass(frozen=True)
class Oval:
    """A Gaussian on the plane: centre, covariance (xx, xy, yy), colour's name.

    Whether it is a basis, else a user; a ``name`` is to be read: a basis' number, or a marked user's letter.
    """

    x: float
    y: float
    covariance: tuple[float, float, float]
    colour: str
    basis: bool = False
    name: str = ""


def coverage(bars: Sequence[Bar], name: str, description: str) -> Markup:
    """Mean shares of the bases, a row each, with their users at the right."""
    return _bars(bars, (WIDTH, NAMES, COUNTS), "mean share, %", name, description)


def person(bars: Sequence[Bar], name: str, description: str) -> Markup:
    """One user's shares of the bases, a row each."""
    return _bars(bars, (*PERSON, 10.0), "share, %", name, description)


def space(ovals: Sequence[Oval], name: str, description: str) -> Markup:
    """Users as ellipses of one standard deviation, bases as crosses, on two components; some of both with a name."""
    with drawing(name):
        figure, axes = blank(SPACE, SPACE, 12, 12, 12, 34)
        axes.set(xticks=[], yticks=[])
        for oval in (oval for oval in ovals if not oval.basis):
            axes.add_patch(_ellipse(oval, facecolor=_hex(oval), alpha=0.1, linewidth=0))
            axes.plot(oval.x, oval.y, "o", color=_hex(oval), markersize=2.6, markeredgewidth=0)
        for oval in (oval for oval in ovals if oval.basis):
            size = 8 if oval.name else 4
            axes.plot(oval.x, oval.y, "P", color=_hex(oval), markersize=size, markeredgecolor=ink("paper"), zorder=3)
        for oval in (oval for oval in ovals if oval.name and not oval.basis):
            axes.plot(oval.x, oval.y, "o", color=_hex(oval), markersize=6.5, markeredgecolor=ink("ink"), zorder=4)
        for oval in (oval for oval in ovals if oval.name):
            shift, weight = ((6, 4), "normal") if oval.basis else ((6, -10), "bold")
            note = axes.annotate(oval.name, (oval.x, oval.y), shift, textcoords="offset points", size=9.5, zorder=5)
            note.set(color=ink("ink"), weight=weight)
        axes.margins(0.08)
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xlabel("first component", color=ink("muted"), loc="right", labelpad=4)
        return inline(figure, description)


def _bars(bars: Sequence[Bar], columns: tuple[float, float, float], unit: str, name: str, description: str) -> Markup:
    width, left, right = columns
    with drawing(name):
        figure, axes = blank(width, LINE * len(bars) + 40, left, right, 6, 34)
        axes.set(ylim=(len(bars) - 0.5, -0.5), yticks=[])
        axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel(unit, color=ink("muted"), loc="right", labelpad=2)
        axes.grid(axis="x", color=ink("rule"), linewidth=0.75)
        for row, bar in enumerate(bars):
            _bar(axes, row, bar, left / (width - left - right))
        axes.set_xlim(left=0)
        return inline(figure, description)


def _bar(axes: Axes, row: int, bar: Bar, edge: float) -> None:
    colour = PALETTE[bar.colour][0]
    axes.barh(row, bar.share * 100, height=0.62, color=colour, alpha=0.45, linewidth=0)
    for dot, face in zip(bar.dots, (colour, ink("paper")), strict=False):
        axes.plot(dot * 100, row, "o", color=colour, markerfacecolor=face, markersize=5, clip_on=False, zorder=3)
    place = axes.get_yaxis_transform()
    axes.text(-edge, row, bar.name, size=9.5, color=ink("ink"), va="center", transform=place)
    axes.text(1.04, row, bar.note, size=9.5, color=ink("muted"), va="center", transform=place)


def _ellipse(oval: Oval, **look: object) -> Ellipse:
    """The ellipse at one standard deviation."""
    xx, xy, yy = oval.covariance
    variance, axes = np.linalg.eigh(np.array([[xx, xy], [xy, yy]]))  # ascending
    small, large = 2 * np.sqrt(np.clip(variance, 0, None))
    angle = float(np.degrees(np.arctan2(axes[1, 1], axes[0, 1])))
    return Ellipse((oval.x, oval.y), large, small, angle=angle, **look)


def _hex(oval: Oval) -> str:
    return PALETTE[oval.colour][0]
