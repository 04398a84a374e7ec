"""The flow `adapt-users`: weights and uncertainties of very many users, part by part, wherever there are cores."""

from pathlib import Path
from time import monotonic
from typing import Annotated, Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from flows.outage import Page
from flows.parts import PartBoard, run_parts
from flows.slots import count_slots, slot
from prefactor import layout
from prefactor.adaptation.hands import hands_of
from prefactor.adaptation.job import ROWS_PER_PART, Job
from prefactor.adaptation.origin import registered
from prefactor.adaptation.parts import Part
from prefactor.adaptation.run import one_core_each
from prefactor.adaptation.work import Work, opened
from prefactor.errors import InputError
from prefactor.tracking.aliases import CHAMPION

PROJECT_ROOT = Path(__file__).resolve().parent.parent
PROGRESS_KEY = "adapt-users-progress"
RESULT_KEY = "adapt-users-result"


@flow(name="adapt-users", retries=0, persist_result=False)
def adapt_users(
    dataset: str = "stylebench",
    version: str = CHAMPION,
    pairs: Path | None = None,
    out: Path | None = None,
    model: Path | None = None,
    states: Path | None = None,
    state: bool = False,
    sort: bool = False,
    rows_per_part: Annotated[int, Field(ge=1)] = ROWS_PER_PART,
    where: str = "",
    workers: Annotated[int, Field(ge=1)] = 2,
    root: Path = PROJECT_ROOT,
) -> dict[str, Any]:
    """Adapt to every user of a table of reference pairs, each from their own pairs alone.

    Killed, the next run with the same parameters goes on after the last whole parts. The folder appears at the end.

    Args:
        dataset: Whose registered model and states are used.
        version: Which of its registered models: an alias or a number.
        pairs: A parquet file or a folder of them, by user: user_id, chosen and rejected, text ids. Empty is all of the
            dataset's.
        out: The folder that is written. Empty is data/adapted and the dataset's name.
        model: A trained or packed model's folder, in place of the registry.
        states: The cache of the texts' states. Empty is the dataset's, made by the registered model's backbone.
        state: Keep what later pairs move on, as the user store keeps it.
        sort: The pairs are in no order; bring them into one first.
        rows_per_part: Pairs of a task.
        where: Empty for threads of this process, `processes` for processes of this machine, or the address of a Dask
            scheduler, tcp://host:8786, whose workers share the disk.
        workers: Tasks at once. A scheduler at an address has its own workers.
        root: The project's folder.
    """
    count_slots("core")
    began = monotonic()
    origin = None if model is not None else registered(dataset, root, version, _below(root, states))
    found = _below(root, model) if origin is None else origin.model
    place = _below(root, states) if origin is None else origin.states
    if found is None or place is None:
        raise InputError("which states does the model read: say so in `states`")
    named = _below(root, pairs) or root / layout.prepared(dataset) / "pairs.parquet"
    target = _below(root, out) or root / layout.adapted(dataset)
    job = Job(named, found, place, target, state=state, sort=sort, rows_per_part=rows_per_part)
    with opened(job, workers) as work:
        kept = _do(work, where, workers)
        about = work.finish()
    told = about | {"by an earlier run": kept, "seconds": round(monotonic() - began, 1)}
    told["model"] = str(model) if origin is None else origin.label
    said = f"{about['users']:,} users in `{target}`"
    Page(RESULT_KEY).show(lambda: create_table_artifact([told], key=RESULT_KEY, description=said))
    get_run_logger().info("%s users of %s pairs are in %s", about["users"], about["pairs"], target)
    return told


@task(name="adapt-part", cache_policy=NO_CACHE, retries=0, persist_result=False)
def adapt_part(given: tuple[Work, Part]) -> int:
    """Adapt to the users of one part: one core, held while it is worked with."""
    work, part = given
    with slot("core"):
        return hands_of(work).adapt(part)


def _do(work: Work, where: str, workers: int) -> int:
    """Have all parts done; how many users were done before."""
    left = work.left()
    kept = work.users - sum(part.users for part in left)
    board = PartBoard(PROGRESS_KEY, "users", work.users, kept)
    with one_core_each():
        given = [(work, part) for part in left]
        run_parts("adapt-parts", adapt_part, given, where, workers, lambda given: board.advance(given[1].users))
    return kept


def _below(root: Path, path: Path | None) -> Path | None:
    """A path as the form has it, which is below the project's folder unless it begins at the top."""
    return None if path is None else (root / path).resolve()
