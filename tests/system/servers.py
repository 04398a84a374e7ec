"""Servers that a test starts, kills and starts again, each on a free port of the loopback interface."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

from flows.environment import child_environment
from flows.leash import leashed
from flows.slots import SERVER_SETTINGS

PROJECT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
PATIENCE_SECONDS = 180.0


@dataclass
class Server:
    """A command that answers at ``health``, in a folder of its own. As a block: it runs until the block ends."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    health: str
    _running: ExitStack = field(default_factory=ExitStack, repr=False)
    _leash: "subprocess.Popen[str] | None" = field(default=None, repr=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """What it printed, over all its starts."""
        return self.folder / f"{Path(self.command[0]).name}-{self.health.split(':')[2].split('/')[0]}.log"

    def start(self) -> None:
        """Start and wait until it answers."""
        log = self._running.enter_context(self.log.open("a"))
        process = leashed(self.command, folder=self.folder, environment=self.environment, stdout=log.fileno())
        self._leash = self._running.enter_context(process)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not answers(self.health):
            if self._leash.poll() is not None or time.monotonic() > deadline:
                self.stop()
                pytest.fail(f"the server did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._running.close()

    def kill(self) -> None:
        """End it and all it started at once, without a word."""
        assert self._leash is not None
        for child in children(self._leash.pid):
            os.killpg(child, signal.SIGKILL)
        self.stop()


def children(process: int) -> list[int]:
    """The processes that a process has started itself."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def answers(url: str) -> bool:
    """Does a server answer there, whatever it says."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def free_port() -> int:
    """A port of the loopback interface that nobody has now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    """A program of this environment."""
    return str(Path(sys.executable).parent / name)


def object_storage(folder: Path) -> Server:
    """Moto's S3: it keeps what it is given in memory, and takes any key and secret."""
    port = free_port()
    command = [program("moto_server"), "-H", HOST, "-p", str(port)]
    return Server(command, folder, child_environment(), f"http://{HOST}:{port}/moto-api/data.json")


def mlflow_server(folder: Path, database: str, environment: Mapping[str, str], *options: str) -> Server:
    """MLflow on a database, which it is told by the environment: command lines are for everyone to read."""
    port = free_port()
    command = [program("mlflow"), "server", "--host", HOST, "--port", str(port), "--workers", "1", *options]
    named = {**child_environment(), **environment, "MLFLOW_BACKEND_STORE_URI": database}
    return Server(command, folder, named, f"http://{HOST}:{port}/health")


def prefect_server(folder: Path, database: str) -> Server:
    """Prefect on a database; whoever waits for a deployment's turn asks again soon."""
    port = free_port()
    command = [program("prefect"), "server", "start", "--host", HOST, "--port", str(port), "--no-ui"]
    named = {
        "PREFECT_API_DATABASE_CONNECTION_URL": database,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
    }
    environment = {**child_environment(), **SERVER_SETTINGS, **named}
    return Server(command, folder, environment, f"http://{HOST}:{port}/api/health")


def address(server: Server) -> str:
    """Where a server is reached: scheme, host and port."""
    return "/".join(server.health.split("/")[:3])
