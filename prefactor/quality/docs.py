"""Data Docs that open from disk: Great Expectations renders the results, the pages around them load nothing."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from great_expectations import __version__
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView
from jinja2 import ChoiceLoader, FileSystemLoader, pass_context
from jinja2.runtime import Context

from prefactor.quality.failures import Failure
from prefactor.quality.validation import Outcome

TEMPLATES = Path(__file__).parent / "templates"


class OfflinePageView(DefaultJinjaPageView):
    """The view of Great Expectations inside our own page.

    Its own page loads styles, scripts and fonts from a dozen hosts and is bare without them. It also puts values of
    the data into the page as they are, markup and all; here they are text.
    """

    def __init__(self) -> None:
        super().__init__()
        assert self.env.loader is not None, "the view of Great Expectations brings its own templates"
        self.env.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), self.env.loader])

    @pass_context
    def render_content_block(self, context: Context, content_block: Any, *args: Any, **kwargs: Any) -> Any:
        """One block as HTML; strings of the data are escaped."""
        if isinstance(content_block, str):
            return html.escape(content_block)
        if isinstance(content_block, list):
            content_block = [html.escape(each) if isinstance(each, str) else each for each in content_block]
        return super().render_content_block(context, content_block, *args, **kwargs)


def write_docs(folder: Path, outcomes: list[Outcome], failures: list[Failure], summary: Mapping[str, Any]) -> None:
    """Write index.html and a page per suite; ``summary`` is what result.json says."""
    view = OfflinePageView()
    shared = {"summary": summary, "version": __version__}
    for outcome in outcomes:
        own = [failure for failure in failures if failure.suite == outcome.suite.name]
        # Without its overview, which is about run times, batch ids and paths.
        document = ValidationResultsPageRenderer().render(outcome.result)
        document.sections = document.sections[1:]
        page = view.render(document, outcome=outcome, failures=own, **shared)
        (folder / f"{outcome.suite.name}.html").write_text(page, encoding="utf-8")
    index = view.env.get_template("index.j2").render(outcomes=outcomes, failures=failures, **shared)
    (folder / "index.html").write_text(index, encoding="utf-8")
