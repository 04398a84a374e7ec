"""A process that is killed outright between two writes to MLflow, or after some time."""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

WRITES = ("create_", "log_", "set_", "delete_", "finalize_")
PATIENCE = 120.0


def killed_before_write(number: int, work: Callable[[], Any]) -> bool:
    """Do the work in a process that kills itself before its ``number``-th write, from 0; False if it got through."""

    def child() -> None:
        _count_writes(number)
        work()

    return waited_for(started(child))


def killed_after(seconds: float, work: Callable[[], Any]) -> bool:
    """Do the work in a process that is killed after so long; False if it was through before."""
    process = started(work)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)  # a zombie takes it, too
    return waited_for(process)


def started(work: Callable[[], Any]) -> int:
    """The id of a process that does the work."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        os.setsid()
        torch.set_num_threads(1)  # threads that computed before do not come along, and would be waited for
        work()
        status = 0
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(status)


def waited_for(process: int) -> bool:
    """Was the process killed; AssertionError if its work failed."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the work failed: see its error above"
            return os.WIFSIGNALED(status)
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    raise TimeoutError("the process hangs")


def _count_writes(last: int) -> None:
    from mlflow import MlflowClient

    calls = iter(range(10_000))
    for name in dir(MlflowClient):
        if name.startswith(WRITES):
            setattr(MlflowClient, name, _counted(getattr(MlflowClient, name), calls, last))


def _counted(method: Callable[..., Any], calls: Any, last: int) -> Callable[..., Any]:
    def counted(*arguments: Any, **named: Any) -> Any:
        if next(calls) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(*arguments, **named)

    return counted
