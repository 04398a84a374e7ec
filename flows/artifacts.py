"""What a rebuild leaves on its Prefect page: a bar while it runs, a table of stages, links to the reports."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from prefect.artifacts import create_link_artifact, create_table_artifact

from flows.bar import Bar
from flows.dvc_output import StageRun, StageState
from flows.outage import Page

PROGRESS_KEY = "rebuild-progress"
STAGES_KEY = "rebuild-stages"
REPORT_KEY = "rebuild-report"


class StageBoard:
    """The progress bar of one `dvc repro`, which becomes a table when it ends."""

    def __init__(self, planned: Sequence[str]) -> None:
        self.planned = planned
        self._page = Page("a rebuild")
        self._bar = Bar(PROGRESS_KEY)
        self._page.show(lambda: self._bar.show(0.0, f"0 of {len(planned)} stages"))

    def show(self, stages: Sequence[StageRun]) -> None:
        """Show the stage that was begun last; those before it are done."""
        last = stages[-1]
        done = len(stages) - (last.state is StageState.RUNNING)
        self._update(done, f"`{last.stage}` {last.state}")

    def close(self, stages: Sequence[StageRun]) -> None:
        """Leave the table: also of a rebuild that failed or was cancelled."""
        done = sum(stage.state not in (StageState.FAILED, StageState.STOPPED) for stage in stages)
        self._page.try_now()
        self._update(done, "ended")
        rows = [{"stage": run.stage, "state": run.state.value, "seconds": round(run.seconds, 1)} for run in stages]
        said = _summary(stages, len(self.planned))
        self._page.show(lambda: create_table_artifact(rows, key=STAGES_KEY, description=said))

    def _update(self, done: int, what: str) -> None:
        total = len(self.planned)
        share = 100.0 * min(done, total) / total if total else 100.0
        self._page.show(lambda: self._bar.show(share, f"{done} of {total} stages: {what}"))


def link_reports(root: Path) -> None:
    """Leave links to the report and to the Data Docs, as far as they exist."""
    shown = Page("a rebuild")
    report = root / "reports" / "index.html"
    if report.is_file():
        shown.show(lambda: _link(report, REPORT_KEY, "Report", root))
    for page in sorted(root.glob("reports/data_docs/*/*/index.html")):
        dataset, gate = page.parts[-3:-1]
        key, text = f"rebuild-data-docs-{_slug(dataset)}-{_slug(gate)}", f"Data docs: {dataset}, {gate}"
        shown.show(partial(_link, page, key, text, root))


def _link(page: Path, key: str, text: str, root: Path) -> None:
    # Browsers do not follow file: links from a page served over HTTP, so the path is there to be copied.
    where = f"`{page.relative_to(root)}` in `{root}`"
    create_link_artifact(page.resolve().as_uri(), link_text=text, key=key, description=where)


def _summary(stages: Sequence[StageRun], planned: int) -> str:
    counts = {state: sum(stage.state is state for stage in stages) for state in StageState}
    said = [f"{count} {state}" for state, count in counts.items() if count]
    return f"{len(stages)} of {planned} stages: {', '.join(said) or 'none begun'}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
