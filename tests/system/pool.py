"""A work pool of a Prefect server: what is deployed to it, its workers, and the runs that they take from it."""

import json
import shutil
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flows.conftest import TinyProject
from tests.system.machine import Machine, kill
from tests.system.servers import PATIENCE_SECONDS, PROJECT

POOL = "local"
# A server whose database is away says 500, which Prefect would take for the end of a run.
PATIENT = {"PREFECT_CLIENT_RETRY_EXTRA_CODES": "500,504"}
OVER = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


@dataclass(frozen=True)
class Pool:
    """The pool of prefect.yaml at the server whose API is ``api``."""

    api: str

    def checkout(self, folder: Path, path: Path | None = None) -> Machine:
        """A machine with a tiny pipeline, and this project's flows and deployments; it sees them at ``path``."""
        folder.mkdir()
        TinyProject(folder)
        shutil.copytree(PROJECT / "flows", folder / "flows", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(PROJECT / "prefect.yaml", folder / "prefect.yaml")
        home = {"PREFECT_API_URL": self.api, "PREFECT_HOME": str(folder / ".prefect"), **PATIENT}
        return Machine(folder, {**home, "PREFECT_WORKER_QUERY_SECONDS": "2"}, path)

    def deploy(self, machine: Machine, *names: str) -> None:
        """Make the pool and put deployments into it, as prefect.yaml says."""
        machine.run("-m", "prefect", "work-pool", "create", POOL, "--type", "process")
        for name in names:
            machine.run("-m", "prefect", "--no-prompt", "deploy", "--name", name)

    @contextmanager
    def worker(self, machine: Machine, name: str) -> Iterator[None]:
        """A worker of the pool on that machine, one run at a time."""
        command = ("-m", "prefect", "worker", "start", "--pool", POOL, "--name", name, "--limit", "1")
        with (machine.folder / f"{name}.log").open("w") as log:
            process = machine.start(*command, log=log)
            try:
                yield
            finally:
                kill(process)

    def submit(self, deployment: str, **parameters: object) -> str:
        """A run of a deployment; its id."""
        found = self._ask(f"/deployments/name/{deployment}")
        run = self._ask(f"/deployments/{found['id']}/create_flow_run", {"parameters": parameters})
        return str(run["id"])

    def states(self, run: str) -> list[dict]:
        """The states that a run went through, the oldest first."""
        return sorted(self._ask(f"/flow_run_states/?flow_run_id={run}"), key=lambda state: state["timestamp"])

    def await_state(self, run: str, wanted: Sequence[str] = OVER) -> dict:
        """The run, once its state is one of those wanted."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = self._ask(f"/flow_runs/{run}")
            if found["state_type"] in wanted:
                return found
            time.sleep(0.5)
        pytest.fail(f"after {PATIENCE_SECONDS:.0f} s the run is {found['state_name']}: {found['state']['message']}")

    def artifacts(self, run: str) -> set[str]:
        """The keys of what a run left on its page."""
        mine = {"artifacts": {"flow_run_id": {"any_": [run]}}}
        return {artifact["key"] for artifact in self._ask("/artifacts/filter", mine)}

    def logged(self, run: str) -> str:
        """What a run said."""
        mine = {"logs": {"flow_run_id": {"any_": [run]}}, "sort": "TIMESTAMP_ASC"}
        return "\n".join(entry["message"] for entry in self._ask("/logs/filter", mine))

    def await_log(self, run: str, line: str) -> None:
        """Until a line has arrived in a run's log: lines come a little later than states."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while line not in self.logged(run):
            assert time.monotonic() < deadline, f"{line!r} is not in the log:\n{self.logged(run)}"
            time.sleep(0.5)

    def _ask(self, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.api + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
