"""What a sweep leaves on its Prefect page: a bar while it runs, a table of trials, links to report and MLflow."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from flows.bar import Bar
from flows.outage import Page

if TYPE_CHECKING:
    from prefactor.sweeping.outcome import Outcome


class SweepBoard:
    """The artifacts of one sweep, by its name; a Prefect server that does not answer stops no sweep."""

    def __init__(self, name: str, planned: int) -> None:
        self.name, self.planned = name, planned
        self._slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        self._bar = Bar(f"sweep-progress-{self._slug}")
        self._last: tuple[int, tuple[Outcome, ...]] | None = None
        self._page = Page(f"sweep {name}")

    def show(self, outcomes: "Sequence[Outcome]") -> None:
        """How far it is."""
        from prefactor.sweeping.summary import Summary

        shown = (self.planned, tuple(outcomes))
        if shown == self._last:
            return
        self._page.try_now()
        self._last = shown
        summary = Summary(self.name, outcomes)
        share = 100.0 * min(len(outcomes), self.planned) / self.planned
        description = f"{len(outcomes)} of {self.planned} trials have ended."
        if outcomes:
            description += f" {summary.verdict}"
        self._page.show(lambda: self._bar.show(share, description))

    def close(self, outcomes: "Sequence[Outcome]", page: Path, run_page: str | None) -> None:
        """Leave the table, a summary and the links: also of a sweep that failed or was cancelled."""
        from prefactor.sweeping.summary import Summary

        summary = Summary(self.name, outcomes)
        said = f"{summary.counts}. {summary.verdict}"
        self._page.try_now()
        self.show(outcomes)
        table = [*summary.rows()]
        self._page.show(lambda: create_table_artifact(table, key=f"sweep-trials-{self._slug}", description=said))
        markdown = f"# Sweep {self.name}\n\n{summary.verdict}\n\n{summary.counts}.\n{_course(summary.curve())}"
        self._page.show(lambda: create_markdown_artifact(markdown, key=f"sweep-summary-{self._slug}", description=said))
        # Browsers do not follow file: links from a page served over HTTP, so the path is there to be copied.
        self._link(page.resolve().as_uri(), f"sweep-report-{self._slug}", "Report", f"`{page}`")
        if run_page is not None:
            self._link(
                run_page, f"sweep-mlflow-{self._slug}", "MLflow: the sweep and its trials", "`make mlflow` shows it"
            )

    def say(self, markdown: str, what: str) -> None:
        """Leave a note of its own, such as what was written to params.yaml."""
        self._page.show(lambda: create_markdown_artifact(markdown, key=f"sweep-{what}-{self._slug}", description=what))

    def _link(self, address: str, key: str, text: str, where: str) -> None:
        self._page.show(lambda: create_link_artifact(address, link_text=text, key=key, description=where))


def _course(steps: Sequence[tuple[int, float]]) -> str:
    """The best so far as a table."""
    if not steps:
        return ""
    rows = "\n".join(f"| {number} | {100 * score:.2f} |" for number, score in steps)
    return f"\n| trial | best so far, % |\n| --- | --- |\n{rows}\n"
