"""A dataset's figures as one self-contained HTML page, in the manner of the report."""

import math
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from prefactor.atomic import write_text
from prefactor.inspection import tables
from prefactor.inspection.agreement import COIN, Agreement
from prefactor.inspection.balance import Share
from prefactor.inspection.jackknife import Bounds
from prefactor.inspection.summary import Summary
from prefactor.reporting import figures
from prefactor.reporting.distribution import Distribution
from prefactor.reporting.estimates import PERCENT, Estimate
from prefactor.reporting.examples import Example
from prefactor.reporting.figures import Mark
from prefactor.reporting.panels import Panel, spoken
from prefactor.reporting.style import Style, css_variables
from prefactor.reporting.templates import environment

TEMPLATE = "page.html.j2"
STYLE = Style("blue")
DRAWN = ("prompt words", "response words")


def write_page(out: Path, summary: Summary, examples: Sequence[Example]) -> None:
    """Write the page to ``out``, whole or not at all. The same summary and examples give the same bytes."""
    page = (
        environment(Path(__file__).parent)
        .get_template(TEMPLATE)
        .render(
            tables.everything(summary),
            heading=tables.heading(summary),
            length_figures=[panel for name in DRAWN if (panel := _histogram(name, summary.lengths.get(name)))],
            coin=_against_a_coin(summary),
            pairs_figure=_histogram("pairs of a user", summary.pairs_per_user),
            examples=examples,
            light=Markup(css_variables(dark=False)),
            dark=Markup(css_variables(dark=True)),
        )
    )
    write_text(out, page)


def _histogram(unit: str, found: Distribution | None) -> Panel | None:
    """None where nothing is known or every value is the same."""
    if found is None or found.least == found.most:
        return None
    words = f"{unit}: median {found.median:,.0f}, 95 % at most {found.high:,.0f}, most {found.most:,}"
    drawing = figures.histogram(found.edges, found.counts, unit, unit.replace(" ", "-"), words)
    return Panel(f"{unit[0].upper()}{unit[1:]}", drawing)


def _against_a_coin(summary: Summary) -> Panel | None:
    """Agreement and the balance of labels; the thin line beyond an interval over users is over what they share."""
    balance = summary.balance
    marks = [
        Mark(name, detail, STYLE, _estimate(found))
        for name, detail, found in (
            ("Two users agree", "on the same pair", summary.agreement),
            ("Longer response", "was chosen", balance.longer if balance else None),
            ("First by its id", "was chosen", balance.first if balance else None),
        )
        if found is not None
    ]
    if not marks:
        return None
    limits = figures.limits_of([mark.estimate for mark in marks], PERCENT, include=[COIN])
    words = f"in percent, a coin would make it 50: {spoken(marks, PERCENT)}"
    drawing = figures.forest(marks, PERCENT, limits, COIN, "coin", words)
    return Panel("How often, %, with 95 % intervals; the dotted line is a coin's", drawing)


def _estimate(found: Agreement | Share) -> Estimate:
    users, items = (_ends(interval) for interval in found.intervals)
    return Estimate(found.value, *users, low_items=items[0], high_items=items[1])


def _ends(bounds: Bounds) -> tuple[float, float]:
    low, high = (math.nan if end is None else end for end in (bounds.low, bounds.high))
    return low, high
