"""The page of a diagnosis: the finding in a sentence, then pictures, words and tables."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from prefactor.atomic import write_text
from prefactor.errors import InputError
from prefactor.reporting.diagnosis.differences import differences_part
from prefactor.reporting.diagnosis.gains import gains_part
from prefactor.reporting.diagnosis.headline import headline
from prefactor.reporting.diagnosis.known import known_part
from prefactor.reporting.diagnosis.law import law_part
from prefactor.reporting.diagnosis.measured import Measured
from prefactor.reporting.diagnosis.names import styles_of
from prefactor.reporting.diagnosis.price import price_part
from prefactor.reporting.diagnosis.quantities import quantities_part
from prefactor.reporting.diagnosis.rules import rules_part
from prefactor.reporting.diagnosis.spread import spread_part
from prefactor.reporting.diagnosis.utilities import utilities_part
from prefactor.reporting.diagnosis.verdicts import verdicts_part
from prefactor.reporting.estimates import TO
from prefactor.reporting.facts import flat, number
from prefactor.reporting.part import Part
from prefactor.reporting.style import css_variables
from prefactor.reporting.templates import environment

if TYPE_CHECKING:
    from prefactor.evaluation.scaling.diagnosis import Diagnosis

TEMPLATE = "page.html.j2"
LEFT_OUT, MADE_FROM = "left_out", "made from"
COUNTED = {"users": "users", "queries": "queries", "sets": "sets of candidates", "candidates": "candidates in each"}


def write_page(
    out: Path,
    title: str,
    diagnosis: "Diagnosis",
    rules: pd.DataFrame | None = None,
    fewer: Mapping[int, "Diagnosis"] | None = None,
    cost: float | None = None,
) -> None:
    """Write the page of a dataset called ``title`` to ``out``, whole or not at all; the same input, the same bytes.

    ``rules``: what selection rules gain, as ``evaluation.scaling.rules`` has it. ``fewer``: diagnoses of the same
    candidates with fewer known pairs of every user, by their number. ``cost``: of one candidate, in standard deviations
    of gold utility within a query. No id of a user, query or candidate is on the page. InputError for figures that
    contradict each other, and for a cost that is not above 0.
    """
    if cost is not None and not 0 < cost < math.inf:
        raise InputError(f"the cost of a candidate is {cost}: give a number above 0, or none")
    measured = Measured.of(diagnosis.figures)
    less = {shots: Measured.of(other.figures) for shots, other in (fewer or {}).items()}
    page = (
        environment(Path(__file__).parent)
        .get_template(TEMPLATE)
        .render(
            title=headline(title, measured),
            parts=parts_of(measured, diagnosis, rules, less, cost),
            briefs=[],
            counts=_counts(diagnosis.about),
            made_from=diagnosis.about.get(MADE_FROM),
            left_out=diagnosis.about.get(LEFT_OUT) or {},
            facts=flat({name: value for name, value in diagnosis.about.items() if name not in (LEFT_OUT, MADE_FROM)}),
            light=Markup(css_variables(dark=False)),
            dark=Markup(css_variables(dark=True)),
        )
    )
    write_text(out, page)


def parts_of(
    measured: Measured,
    diagnosis: "Diagnosis",
    rules: pd.DataFrame | None,
    fewer: Mapping[int, Measured],
    cost: float | None,
) -> tuple[Part, ...]:
    """The sections for which there are figures, in the order of the page."""
    styles = styles_of(measured.models)
    found = (
        gains_part(measured, styles),
        verdicts_part(measured, cost),
        price_part(measured, styles, cost),
        law_part(measured, styles, str(diagnosis.about.get("halves", "queries"))),
        quantities_part(measured, styles),
        spread_part(measured, diagnosis.correlations, styles),
        utilities_part(measured),
        differences_part(measured, styles),
        rules_part(measured, rules, styles),
        known_part(measured, fewer, styles),
    )
    return tuple(part for part in found if part is not None)


def _counts(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = {name: _count(about[name]) for name in COUNTED if name in about}
    return [(COUNTED[name], text) for name, text in found.items()]


def _count(value: Any) -> str:
    """A number, or ``8 - 32`` of a least and a most."""
    if not isinstance(value, Mapping):
        return number(value)
    return TO.join(dict.fromkeys(number(end) for end in value.values()))
