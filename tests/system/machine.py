"""A folder that stands for a machine: a checkout of its own, an environment of its own, processes of its own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from flows.environment import child_environment

PATIENCE_SECONDS = 300.0
# Of the machine that runs the tests: none of it may find its way into a machine that they stand up.
PRIVATE = ("AWS_", "MLFLOW_", "PREFECT_", "PG")


@dataclass(frozen=True)
class Machine:
    """A checkout, and what the shell there has in its environment.

    The machine itself sees its checkout at ``path``, as every machine does, whatever lies there for the test.
    """

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None

    def start(self, *command: str, log: IO[str] | None = None, **more: str) -> "subprocess.Popen[str]":
        """Start `python` with these arguments in the checkout; the log takes all it says, or else one pipe."""
        return subprocess.Popen(
            [*self._mounted, sys.executable, *command],
            cwd=self.folder,
            env={**clean_environment(), "PWD": str(self.path or self.folder), **self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if log is None else log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @property
    def _mounted(self) -> list[str]:
        """What puts a command where the checkout is mounted at its path, for it and its children alone."""
        if self.path is None:
            return []
        user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        script = 'mount --bind "$1" "$2" && cd "$2" && shift 2 && exec "$@"'
        return ["unshare", *user, "--mount", "sh", "-c", script, "sh", str(self.folder), str(self.path)]

    def run(self, *command: str, **more: str) -> str:
        """Run it to its end and return what it said; it must not fail."""
        return ended(self.start(*command, **more))

    def twin(self, folder: Path) -> "Machine":
        """The same checkout on another machine."""
        return Machine(shutil.copytree(self.folder, folder), self.environment)

    def files_with(self, secret: str) -> list[str]:
        """The files of the checkout in which a secret stands."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return [str(path.relative_to(self.folder)) for path in files if secret.encode() in path.read_bytes()]


def clean_environment() -> dict[str, str]:
    """This process's environment, without addresses and credentials."""
    kept = {name: value for name, value in child_environment().items() if not name.startswith(PRIVATE)}
    return {**kept, "MLFLOW_DISABLE_TELEMETRY": "true", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


def ended(process: "subprocess.Popen[str]") -> str:
    """What a process said, once it has ended well."""
    try:
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        kill(process)
        raise
    assert process.returncode == 0, said[-4000:]
    return said


def kill(process: "subprocess.Popen[str]") -> None:
    """End a process and all it started in its group, at once."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
