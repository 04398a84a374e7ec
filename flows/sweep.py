"""The flow `sweep`: many configurations of a method, each a trial in its own process; the best by validation."""

import fcntl
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger
from prefect.exceptions import CancelledRun

from flows.rebuild import PROJECT_ROOT
from flows.rebuild import rebuild as rebuild_flow
from flows.runners import runner
from flows.slots import SLOTS, count_slots
from flows.sweep_board import SweepBoard
from flows.sweep_course import SweepError, run_trials
from flows.sweep_news import SweepNews
from flows.trials import Unwanted, Work
from flows.workspace import Busy, exclusive, shared
from prefactor.errors import InputError
from prefactor.sweeping.ways import How, Method, Pruning

if TYPE_CHECKING:
    from prefactor.sweeping.ledger import Ledger
    from prefactor.sweeping.outcome import Outcome

SECONDS_BETWEEN_LOOKS = 5.0  # at whether other sweeps have ended
SECONDS_AT_THE_END, SECONDS_TO_STOP = 90.0, 10.0  # for MLflow, of a sweep that is done and of one that is stopped


@flow(name="sweep", retries=0, persist_result=False)
def sweep(
    dataset: str = "stylebench",
    backbone: str = "stylelm",
    method: Method = "vrf",
    variant: str = "default",
    how: How = "tpe",
    trials: int = 60,
    seeds: Sequence[int] = (0,),
    pruning: Pruning = "median",
    choices: bool = False,
    name: str = "",
    write_winner: bool = False,
    rebuild: bool = False,
    where: str = "",
    workers: int = 2,
    slot: SLOTS = "core",
    threads: int = 1,
    memory_gb: float | None = None,
    storage: str = "",
    root: Path = PROJECT_ROOT,
) -> str:
    """Try many values of a method's parameters on the data that `rebuild` has made, and find the best by validation.

    What may be tried stands in params.yaml under sweep.spaces. Every trial is trained in a process of its own, on a
    slot, and scored on validation pairs alone; one that fails is recorded, and the sweep goes on. A sweep that was
    killed or cancelled goes on where it was when it is run again under its name: no trial that has ended is repeated.

    Args:
        dataset: A dataset of params.yaml that was rebuilt.
        backbone: Whose cached states are read.
        method: What is trained.
        variant: The method's variant whose parameters are changed. Of vrf, faithful has the paper's grid.
        how: Every combination of a space of lists (grid), drawn where earlier trials were good (tpe), or at random.
        trials: Configurations to try, beside the variant as it stands. A grid must not have more.
        seeds: Each configuration is trained with each of these seeds, and judged by their mean.
        pruning: End trials early that are below the median of others, all but the best third (halving), or none.
        choices: Train all of a model's choices in every trial, as the pipeline does; else the first alone, faster.
        name: Under which the sweep is kept in data/sweeps, and goes on. Empty for one made of what is swept.
        write_winner: Write the best values into params.yaml.
        rebuild: Write them, and bring the variant's training, its evaluation and the report up to date.
        where: Empty for this process's threads, each with a trial's process, `processes` for processes of this machine
            in their place, or the address of a Dask scheduler, tcp://host:8786.
        workers: Trials that run at once.
        slot: What a trial holds while it runs. Trials compute with a core; with gpu each sees a GPU of its own besides.
        threads: CPU threads of a trial.
        memory_gb: The most memory that a trial may have. Empty for no limit.
        storage: A database that all machines reach, postgresql+psycopg://... Empty for a file of this machine.
        root: The folder that holds dvc.yaml.
    """
    from prefactor.parameters import load_parameters
    from prefactor.sweeping.planning import check_trials, planned, rebuild_targets
    from prefactor.sweeping.settings import keep_settings, sweep_folder
    from prefactor.sweeping.summary import Summary

    count_slots(slot)  # at once, not after the first trial has waited for one
    name = name or _name_of(dataset, backbone, method, variant, how)
    folder = sweep_folder(root, name)
    asked: dict[str, Any] = {"dataset": dataset, "backbone": backbone, "method": method, "variant": variant, "how": how}
    asked |= {"seeds": tuple(seeds), "pruning": pruning, "threads": threads}
    parameters = load_parameters(root / "params.yaml")
    with shared(root):
        settings = planned(root, parameters, asked, choices)
        check_trials(settings, trials)
        targets = rebuild_targets(parameters, settings) if rebuild else []
        with _alone(folder):
            settings = keep_settings(folder, settings)
            work = Work(root, folder, settings, storage, uuid.uuid4().hex, slot, memory_gb)
            outcomes = _sweep(work, trials, where, workers)
        if write_winner or rebuild:
            _keep_winner(work, outcomes)
    if rebuild:
        _rebuild(root, targets)
    return Summary(name, outcomes).verdict


def _sweep(work: Work, trials: int, where: str, workers: int) -> "list[Outcome]":
    """Run all trials that are left; what came of all that there are."""
    from prefactor.sweeping.ledger import open_ledger

    with open_ledger(work.folder, work.storage, work.settings.pruning) as ledger:
        ledger.claim(work.settings.key)
        ledger.mend()
        with _shown(ledger, work, trials) as show, runner(where, workers) as lanes, _owned(ledger, work.run):
            show()
            run_trials(ledger, work, trials, workers, lanes, show)
        return ledger.outcomes()


@contextmanager
def _owned(ledger: "Ledger", run: str) -> Iterator[None]:
    """While this run has the sweep; then its trials stop, which the lanes wait for."""
    ledger.owned_by(run)
    try:
        yield
    finally:
        ledger.owned_by("")


@contextmanager
def _shown(ledger: "Ledger", work: Work, trials: int) -> Iterator[Callable[[], None]]:
    """Something to call whenever a trial has ended; at the end the sweep's page, its artifacts and its MLflow run."""
    from prefactor.sweeping.page import write_page
    from prefactor.sweeping.summary import Summary
    from prefactor.tracking.store import resolve_uri
    from prefactor.tracking.sweeps import Ended

    name, log = work.folder.name, get_run_logger()
    board = SweepBoard(name, min(trials, work.settings.searched.size or trials) + 1)
    news = SweepNews(work.root, resolve_uri(work.root, None), work.settings, board, log.warning)

    def show() -> None:
        outcomes = ledger.outcomes()
        log.info("sweep %s: %s", name, Summary(name, outcomes).counts)
        news.show(outcomes)

    patience, ended = SECONDS_TO_STOP, Ended.KILLED
    try:
        yield show
        patience, ended, board.planned = SECONDS_AT_THE_END, Ended.FINISHED, len(ledger.outcomes())
    except Exception as error:
        ended = Ended.KILLED if isinstance(error, (CancelledRun, Unwanted)) else Ended.FAILED
        raise
    finally:
        outcomes = ledger.outcomes()
        page = write_page(work.folder, work.settings, outcomes)
        board.close(outcomes, page, news.close(outcomes, [page], patience, ended))


def _keep_winner(work: Work, outcomes: "Sequence[Outcome]") -> None:
    """Write the best values to params.yaml, and say on the page and in the log what that changed."""
    from prefactor.sweeping.winner import better, winner, write_winner

    best, section = winner(outcomes), work.settings.cell.parameters
    if best is None:
        raise SweepError("no trial has a score, so there is no winner to write")
    said = ["nothing: no score is above that of the variant as it stood, or that has none"]
    if better(outcomes):
        with _turn(work.root):
            written = write_winner(work.root / "params.yaml", section, dict(best.changes))
        said = [str(each) for each in written] or ["nothing: the best values stand there already"]
    get_run_logger().info("params.yaml: %s", "; ".join(said))
    lines = "\n".join(f"- {line}" for line in said)
    SweepBoard(work.folder.name, 1).say(f"Written to `params.yaml`:\n\n{lines}\n", "winner")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One run of a sweep at a time. Raises InputError if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"sweep {folder.name!r} runs already: wait until it has ended, or cancel it") from None
        yield


@contextmanager
def _turn(root: Path) -> Iterator[None]:
    """Params.yaml is read and written by one sweep at a time."""
    with (root / ".dvc" / "tmp" / "params.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _rebuild(root: Path, targets: Sequence[str]) -> None:
    """Rebuild as soon as nobody reads or replaces the data, also where others are faster at taking a free moment."""
    while True:
        try:
            with exclusive(root):  # to look first: a flow that is refused would stay on the page as one that failed
                pass
            rebuild_flow(targets=targets, root=root)
            return
        except Busy as error:
            get_run_logger().info("the rebuild waits: %s", error)
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _name_of(*parts: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", "-".join(parts).lower()).strip("-")


def main(arguments: Sequence[str]) -> None:
    """Run the flow with parameters given as NAME=VALUE, values as in YAML."""
    import yaml

    if not arguments or arguments[0] in ("-h", "--help"):
        sys.exit(f"usage: python -m flows.sweep NAME=VALUE ...\n\n{sweep.description}")
    try:
        given = dict(argument.split("=", 1) for argument in arguments)
    except ValueError:
        sys.exit(f"{' '.join(arguments)}: give every parameter as NAME=VALUE")
    print(sweep(**{name: yaml.safe_load(value) for name, value in given.items()}))


if __name__ == "__main__":
    main(sys.argv[1:])
