"""Figures as the page prints them, and what their intervals let one say."""

import math
from collections.abc import Mapping, Sequence
from enum import Enum

from prefactor.reporting.estimates import PERCENT, POINTS, TO, Estimate, Scale
from prefactor.reporting.name import Name
from prefactor.reporting.tables import Cell
from prefactor.reporting.verdict import PERCENT_SIGN

IN_SPREADS = Scale(1.0, 2, True, "sd")
BITS = Scale(1.0, 2, False, "bits")
NATS = Scale(1.0, 2, False, "nats")
COUNT = Scale(1.0, 0, False, "")
COIN = 0.5


class Standing(Enum):
    """In words, where the wider of a figure's intervals lies beside what it is held against."""

    ABOVE = "above"
    OPEN = "not told from"
    BELOW = "below"


TOLD_APART = (Standing.ABOVE, Standing.BELOW)


def standing(estimate: Estimate, against: float) -> Standing:
    """Without an interval it is left open."""
    widest = estimate.widest
    if widest.has_interval and widest.low > against:
        return Standing.ABOVE
    return Standing.BELOW if widest.has_interval and widest.high < against else Standing.OPEN


def beside(own: Estimate, other: Estimate) -> Standing:
    """Where an estimate lies beside another: two are told apart where their wider intervals do not meet."""
    widest = other.widest
    if standing(own, widest.high) is Standing.ABOVE:
        return Standing.ABOVE
    return Standing.BELOW if standing(own, widest.low) is Standing.BELOW else Standing.OPEN


def cell(estimate: Estimate | None, scale: Scale) -> Cell:
    """With both intervals; a dash where there is no figure."""
    if estimate is None or not math.isfinite(estimate.value):
        return Cell(TO)
    shared = estimate.with_items.interval(scale)
    return Cell(scale.text(estimate.value), estimate.interval(scale), estimate.value, shared)


def words(estimate: Estimate, scale: Scale) -> str:
    """For a sentence: a value with its unit and the wider of its intervals, ``63.0 % [58.1 - 67.9]``."""
    unit = {PERCENT: PERCENT_SIGN, POINTS: " points"}.get(scale, f" {scale.unit}".rstrip())
    return f"{scale.text(estimate.value)}{unit} [{estimate.widest.interval(scale) or 'no interval'}]"


def clauses(
    found: Mapping[Name, Estimate],
    against: float,
    what: str,
    scale: Scale | None = None,
    told: Sequence[Standing] = tuple(Standing),
) -> list[str]:
    """Who is above ``what``, which has the value ``against``, who is not told from it, who is below it.

    With figures where there is a ``scale`` to print them in; of the standings ``told`` that anybody has.
    """
    ranked = sorted(found, key=lambda name: -found[name].value)
    by = {where: [name for name in ranked if standing(found[name], against) is where] for where in told}
    return [
        f"{listed([_named(name, found[name], scale) for name in names])} {where.value} {what}"
        for where, names in by.items()
        if names
    ]


def sentence(parts: Sequence[str]) -> str:
    """Clauses as one sentence."""
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _named(name: Name, estimate: Estimate, scale: Scale | None) -> str:
    return name.words if scale is None else f"{name.words} ({words(estimate, scale)})"
