"""A Dask scheduler, and workers on machines of their own."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.system.machine import Machine, kill
from tests.system.servers import HOST, PATIENCE_SECONDS, free_port

# `--host` alone leaves Dask's page, and what stands in for it with `--no-dashboard`, open to everyone.
ALONE = ("--host", HOST, "--dashboard-address", f"{HOST}:0")


@dataclass(frozen=True)
class Cluster:
    """A running scheduler at ``where``; workers join it."""

    where: str
    folder: Path

    @contextmanager
    def worker(self, machine: Machine, name: str) -> Iterator["Worker"]:
        """A worker of one thread on that machine."""
        command = ("-m", "distributed.cli.dask_worker", self.where, "--nthreads", "1", "--no-nanny", *ALONE)
        with (self.folder / f"{name}.log").open("w") as log:
            worker = Worker(machine.start(*command, "--name", name, log=log), self.folder / f"{name}.log")
            try:
                worker.await_line("Registered to")
                yield worker
            finally:
                worker.kill()


@dataclass(frozen=True)
class Worker:
    """A worker's process and its log."""

    process: "subprocess.Popen[str]"
    log: Path

    def await_line(self, line: str, times: int = 1) -> None:
        """Until it has said so, so many times."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.said(line) < times:
            if time.monotonic() > deadline:
                pytest.fail(f"{line!r} is not in the worker's log:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def said(self, line: str) -> int:
        """How many times it has said so."""
        return self.log.read_text().count(line)

    def kill(self) -> None:
        """End it at once."""
        kill(self.process)


@contextmanager
def cluster(machine: Machine, folder: Path) -> Iterator[Cluster]:
    """A scheduler on that machine; logs go to ``folder``."""
    where = f"tcp://{HOST}:{free_port()}"
    command = ("-m", "distributed.cli.dask_scheduler", "--port", where.rpartition(":")[2], *ALONE)
    with (folder / "scheduler.log").open("w") as log:
        scheduler = Worker(machine.start(*command, log=log), folder / "scheduler.log")
        try:
            scheduler.await_line("Scheduler at")
            yield Cluster(where, folder)
        finally:
            scheduler.kill()
