"""matplotlib figures as inline SVG: real text, colours that follow the page's theme, the same bytes every time."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from prefactor.reporting.style import PALETTE, THEME

UNITS_PER_INCH = 72  # matplotlib writes SVG in points: one unit of the drawing is one point of its text
SETTINGS: dict[str, object] = {
    "svg.fonttype": "none",  # text stays text: selectable, small, in the page's own font
    "text.parse_math": False,  # a dollar sign in a method's name is a dollar sign
    "font.size": 11.0,
    "lines.linewidth": 1.3,
    "axes.unicode_minus": True,
    "path.simplify": False,
}


def ink(name: str) -> str:
    """A colour of the theme as on paper; inline it becomes the page's variable of that name."""
    return THEME[name][0]


@contextmanager
def drawing(name: str) -> Iterator[None]:
    """The settings under which a figure is made and written; ``name`` keeps ids of different figures apart."""
    with mpl.rc_context({**SETTINGS, "svg.hashsalt": name}):  # type: ignore[dict-item] # stubs want literal keys
        yield


def blank(width: float, height: float, left: float, right: float, top: float, bottom: float) -> tuple[Figure, Axes]:
    """A figure of ``width`` x ``height`` units with one calm axes inside the given margins (units)."""
    figure = Figure(figsize=(width / UNITS_PER_INCH, height / UNITS_PER_INCH))
    figure.patch.set_visible(False)
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = figure.add_axes(box)
    axes.patch.set_visible(False)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set(color=ink("rule"), linewidth=1)
    axes.tick_params(length=0, labelcolor=ink("muted"), pad=5)
    axes.set_axisbelow(True)
    return figure, axes


def inline(figure: Figure, description: str) -> Markup:
    """The figure as an <svg> element without ids of its own groups, metadata or fixed colours."""
    buffer = StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    title = escape(description)
    text = text.replace("<svg", f'<svg role="img" aria-label="{title}"', 1)
    return Markup(_themed(text).strip())  # matplotlib has escaped the text that it drew


def _themed(text: str) -> str:
    for name, (light, _) in {**THEME, **PALETTE}.items():
        text = re.sub(rf"(?<=: ){light}\b", f"var(--{name}, {light})", text)
    return text
