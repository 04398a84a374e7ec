"""The flow `promote`: hold a challenger against the champion, and serve it if every gate lets it; or roll that back."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import pandas as pd
from prefect import State, flow, get_run_logger, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Completed
from pydantic import Field

from flows.environment import child_environment
from flows.leash import run_leashed
from flows.outage import Page
from prefactor.commands.promote import REFUSED_STATUS
from prefactor.promotion.report import DECISION, GATES, PAGE, SLICES
from prefactor.tracking.address import is_server, run_page
from prefactor.tracking.store import resolve_uri

PROJECT_ROOT = Path(__file__).resolve().parent.parent
GATES_KEY, SLICES_KEY, DECISION_KEY, RUN_KEY = "promote-gates", "promote-slices", "promote-decision", "promote-run"
LAST_LINES = 30
UNDECIDED = "no decision was carried out; one that is recorded already is, by the next promotion or rollback"


class PromotionError(RuntimeError):
    """No decision was carried out; the message is why."""


@dataclass(frozen=True)
class Told:
    """What `prefactor` left of a decision: itself, its page in Markdown, and the rows of its tables."""

    decision: dict[str, Any]
    page: str
    gates: list[dict[str, Any]]
    slices: list[dict[str, Any]]


@flow(name="promote", retries=0, persist_result=False)
def promote(
    dataset: Annotated[str, Field(min_length=1)] = "stylebench",
    challenger: Annotated[str, Field(min_length=1)] = "challenger",
    dry_run: bool = False,
    rollback: bool = False,
    root: Path = PROJECT_ROOT,
) -> State[Any]:
    """Judge the challenger against the champion on the same frozen evaluation set; passing every gate, it is served.

    The gates are in params.yaml, section promotion. Every decision is an MLflow run with its evidence. A run of this
    flow ends as `Promoted`, `Refused` or `Rolled back`; it fails where no decision could be carried out.

    Args:
        dataset: Whose registered model.
        challenger: A version of it, by its number or an alias.
        dry_run: Measure only; change and record nothing.
        rollback: Serve the version before the champion again instead, at once and without gates. The challenger is not
            looked at.
        root: The folder that holds params.yaml.
    """
    asked = ["promote", "--challenger", challenger, *(["--dry-run"] if dry_run else [])]
    if rollback and dry_run:
        raise PromotionError("a rollback measures nothing: choose rollback or dry_run, not both")
    told = decide(["rollback"] if rollback else asked, dataset, root)
    show(told, root)
    name = str(told.decision["outcome"]).capitalize()
    return Completed(name=f"Would be {name.lower()}" if dry_run else name, message=told.decision["title"])


@task(name="decide", cache_policy=NO_CACHE, retries=0, persist_result=False)
def decide(asked: Sequence[str], dataset: str, root: Path) -> Told:
    """Run `prefactor` with what is ``asked`` as a process of its own, line by line into the log.

    Raises PromotionError.
    """
    log, said = get_run_logger(), []

    def follow(line: str) -> None:
        log.info(line)
        said.append(line)

    with TemporaryDirectory() as folder:
        about = ["--dataset", dataset, "--root", str(root.resolve()), "--out", folder]
        command = [sys.executable, "-m", "prefactor.cli", *asked, *about]
        status = run_leashed(command, follow, folder=PROJECT_ROOT, environment=child_environment())
        if status not in (0, REFUSED_STATUS):
            raise PromotionError(f"{UNDECIDED}:\n" + "\n".join(said[-LAST_LINES:]))
        return _read(Path(folder))


def show(told: Told, root: Path) -> None:
    """The decision as artifacts: its page, a table of gates, one of slices, and a link to the MLflow run.

    It stands, and is said, without them too.
    """
    Page("the decision").show(lambda: _show(told, root))


def _show(told: Told, root: Path) -> None:
    title = told.decision["title"]
    create_markdown_artifact(told.page, key=DECISION_KEY, description=title)
    for key, rows in ((GATES_KEY, told.gates), (SLICES_KEY, told.slices)):
        if rows:
            create_table_artifact(rows, key=key, description=title)
    store, run = resolve_uri(root, None), told.decision["run_id"]
    if run is not None and is_server(store):
        address = run_page(store, told.decision["experiment_id"], run)
        create_link_artifact(address, link_text="MLflow run", key=RUN_KEY, description=title)


def _read(folder: Path) -> Told:
    decision = json.loads((folder / DECISION).read_text(encoding="utf-8"))
    page = folder / PAGE
    return Told(
        decision,
        page.read_text(encoding="utf-8") if page.exists() else f"# {decision['title']}\n",
        _rows(folder / GATES),
        _rows(folder / SLICES),
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    """A table's rows with numbers as people read them."""
    if not path.exists():
        return []
    rows: Sequence[dict[str, Any]] = pd.read_parquet(path).to_dict("records")
    return [{name: _shown(value) for name, value in row.items()} for row in rows]


def _shown(value: Any) -> Any:
    if isinstance(value, float):
        return None if pd.isna(value) else round(value, 4)
    return value
