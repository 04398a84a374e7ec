"""The page of generation: what was found in sentences, then a section for every table there is, then texts to read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from prefactor.atomic import write_text
from prefactor.reporting.context import PRINTABLE
from prefactor.reporting.facts import flat
from prefactor.reporting.generation.against_bt import against_bt_part
from prefactor.reporting.generation.attributes import chart_part, precision_part
from prefactor.reporting.generation.best_of_n import best_of_n_part
from prefactor.reporting.generation.budgets import budget_parts
from prefactor.reporting.generation.claims import Evidence, lines_of_claims, tally
from prefactor.reporting.generation.examples import examples_of
from prefactor.reporting.generation.headline import headline
from prefactor.reporting.generation.measured import Measured
from prefactor.reporting.generation.report import GenerationReport
from prefactor.reporting.generation.scorers import few_users_part, scorers_part
from prefactor.reporting.generation.selection import exhaustive_part, retrieval_part
from prefactor.reporting.generation.speed import entropy_part, speed_part
from prefactor.reporting.generation.win_rates import win_rate_parts
from prefactor.reporting.part import Part
from prefactor.reporting.printed import listed
from prefactor.reporting.style import css_variables
from prefactor.reporting.templates import environment

TEMPLATE = "page.html.j2"
SAID_ELSEWHERE = ("format_check", "left_out")


def write_page(out: Path, report: GenerationReport, examples: int = 0) -> None:
    """Write the page to ``out``, whole or not at all. The same report gives the same bytes.

    ``examples``: of so many users texts are shown, where that is allowed; 0 for none, so that no word of anybody's
    texts is on the page. InputError for rows that contradict each other.
    """
    everywhere = Measured.of(report.results)
    measured = everywhere.of_dataset(report.dataset)
    parts = parts_of(report, measured, everywhere)
    claims = lines_of_claims(Evidence(measured, everywhere, report.speed, report.about))
    is_check = bool(report.about.get("format_check") or measured.checks)
    page = (
        environment(Path(__file__).parent)
        .get_template(TEMPLATE)
        .render(
            title=headline(report.dataset, measured, is_check),
            parts=parts,
            briefs=[] if is_check else [text for text in (*(part.brief for part in parts), tally(claims)) if text],
            claims=claims,
            requests=examples_of(report.examples, examples if report.printable else 0),
            format_check=is_check,
            left_out=_left_out(report, examples),
            facts=_facts(report.about),
            light=Markup(css_variables(dark=False)),
            dark=Markup(css_variables(dark=True)),
        )
    )
    write_text(out, page)


def parts_of(report: GenerationReport, measured: Measured, everywhere: Measured) -> tuple[Part, ...]:
    """The sections for which there is a table, in the order of the page.

    ``measured`` are figures of the report's dataset, ``everywhere`` those of all.
    """
    found = (
        *win_rate_parts(measured),
        scorers_part(measured),
        few_users_part(measured),
        best_of_n_part(measured),
        against_bt_part(measured),
        *budget_parts(measured),
        chart_part(report.attributes),
        precision_part(measured, report.about),
        exhaustive_part(measured),
        retrieval_part(everywhere),
        entropy_part(measured),
        speed_part(report.speed),
    )
    return tuple(part for part in found if part is not None)


def _left_out(report: GenerationReport, examples: int) -> dict[str, str]:
    held_back = examples > 0 and len(report.examples) > 0 and not report.printable
    private = {"texts to read": f"they answer people's own words: they are shown of {listed(PRINTABLE)} alone"}
    return {**(report.about.get("left_out") or {}), **(private if held_back else {})}


def _facts(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    return flat({key: value for key, value in about.items() if key not in SAID_ELSEWHERE})
