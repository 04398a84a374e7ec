"""The HTML report: one self-contained page made from result rows and their context."""

import os
from pathlib import Path

import pandas as pd
import yaml
from markupsafe import Markup

from prefactor.atomic import write_text
from prefactor.reporting.backbones import compare_backbones
from prefactor.reporting.context import ReportContext
from prefactor.reporting.facts import number
from prefactor.reporting.language_models import views_of_language_models
from prefactor.reporting.published_splits import published_splits
from prefactor.reporting.style import css_variables
from prefactor.reporting.tables import sections, styles
from prefactor.reporting.templates import environment
from prefactor.reporting.training import TRAINED
from prefactor.reporting.view import view_of

TEMPLATE = "report.html.j2"


def write_report(root: Path, out: Path, results: pd.DataFrame, context: ReportContext) -> None:
    """Write the page to ``out``, whole or not at all; links into ``root`` are relative to it.

    The same results and context give the same bytes. Raises InputError for results that lack a column or
    contradict themselves.
    """
    root, out = Path(root).resolve(), Path(out).resolve()
    found = sections(results)
    styled = styles(found)
    views = [view_of(section, styled, context, found) for section in found]
    page = (
        environment()
        .get_template(TEMPLATE)
        .render(
            views=views,
            context=context,
            light=Markup(css_variables(dark=False)),
            dark=Markup(css_variables(dark=True)),
            parameters=yaml.safe_dump(dict(context.parameters), sort_keys=False, allow_unicode=True),
            link=lambda path: Path(os.path.relpath(root / path, out.parent)).as_posix(),
            number=number,
            trained=tuple(TRAINED.values()),
            backbones=compare_backbones(found, styled, context),
            language_models=views_of_language_models(context.language_models),
            published=published_splits(context),
            runs=sorted({str(run) for run in results["run"].dropna() if str(run)}),
        )
    )
    write_text(out, page)
