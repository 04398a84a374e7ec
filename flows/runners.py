"""Where a flow's tasks run: threads of its own process, processes of this machine, or a Dask cluster."""

import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from prefactor.errors import InputError

if TYPE_CHECKING:
    from prefect_dask import DaskTaskRunner

PROCESSES = "processes"
WHERE = (
    "Where tasks run: empty for threads of the flow's process, `processes` for processes of this machine, "
    "or the address of a Dask scheduler, `tcp://host:8786`."
)
WORKERS = "Tasks at once; with a scheduler's address, its own workers decide."
LOOPBACK = "127.0.0.1"
SECONDS_TO_ANSWER = 5.0


def runner(where: str = "", workers: int = 2) -> TaskRunner[Any]:
    """A task runner that ends with the block it is used in.

    ``where`` is empty for threads, ``processes`` for a Dask cluster of ``workers`` processes on this machine's
    loopback, each of one thread, or ``tcp://host:port`` (``tls://``) of a scheduler that runs, whose workers need this
    checkout and what the tasks read. Raises InputError for anything else, and where no scheduler answers.
    """
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    if not where:
        return ThreadPoolTaskRunner(max_workers=workers)
    if where == PROCESSES:
        return _dask(
            cluster_kwargs={
                "n_workers": workers,
                "threads_per_worker": 1,
                "processes": True,
                "host": LOOPBACK,
                "dashboard_address": f"{LOOPBACK}:0",  # None would be a port that another cluster may have
                "scheduler_kwargs": {"dashboard": False},  # a page nobody asked for
                "memory_limit": 0,  # a share for each would end workers that merely read a large model
            }
        )
    _check_answers(where, _scheduler(where))
    return _dask(address=where)


def _dask(**settings: Any) -> "DaskTaskRunner":
    try:
        import dask

        dask.config.set({"logging.distributed": "warning"})  # looked at while prefect_dask is being imported
        from prefect_dask import DaskTaskRunner
    except ModuleNotFoundError as error:
        raise InputError("tasks in other processes need prefect-dask: pip install 'prefactor[scale]'") from error
    return DaskTaskRunner(**settings)


def _scheduler(where: str) -> SplitResult:
    address = urlsplit(where)
    try:
        whole = address.scheme in ("tcp", "tls") and bool(address.hostname) and bool(address.port)
    except ValueError:  # a port that is none
        whole = False
    if not whole:
        raise InputError(f"where is {where!r}: leave it empty, or say 'processes' or an address, tcp://host:8786")
    return address


def _check_answers(where: str, address: SplitResult) -> None:
    """Dask itself would try for half a minute, and then say that an operation timed out."""
    try:
        socket.create_connection((address.hostname or "", address.port or 0), SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise InputError(
            f"no Dask scheduler answers at {where} ({error.strerror or error}): start one with `dask scheduler`"
        ) from error
