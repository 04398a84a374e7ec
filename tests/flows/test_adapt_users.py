"""The flow on a real Prefect server: parts as tasks, in threads and in processes, killed and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from flows.environment import child_environment
from tests.adaptation.worlds import make_batch, make_job
from tests.flows.test_runners import free_port
from tests.flows.test_slots import fresh_slots

PROJECT = Path(__file__).resolve().parents[2]
COUNTS = [5, 9, 1, 20, 3, 7, 9, 9, 30, 2] * 2
PATIENCE_SECONDS = 600.0
RUN = """
import sys
from pathlib import Path
from flows.adapt_users import adapt_users
if __name__ == "__main__":
    root = Path(sys.argv[1])
    adapt_users(pairs="pairs.parquet", out="out", model="model", states="states", rows_per_part=600, where=sys.argv[2],
        root=root)
"""


@pytest.fixture
def slots(server):
    fresh_slots(core=2, gpu=0)
    return server


def run_flow(root: Path, **parameters):
    """Run the flow to its end and return its final state."""
    from flows.adapt_users import adapt_users

    given = {"pairs": "pairs.parquet", "out": "out", "model": "model", "states": "states", "rows_per_part": 40}
    return adapt_users(**{**given, **parameters}, root=root, return_state=True)


def artifacts(state) -> dict[str, dict]:
    """The artifacts of one run by key."""
    from prefect.client.orchestration import get_client

    mine = {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}
    with get_client(sync_client=True) as client:
        found = client.request("POST", "/artifacts/filter", json={"artifacts": mine}).raise_for_status().json()
    return {artifact["key"]: artifact for artifact in found}


def told(root: Path) -> pd.DataFrame:
    return pd.read_parquet(sorted((root / "out").glob("part-*.parquet")))


def expected(root: Path, counts: list[int]) -> None:
    found = told(root)
    assert found["user_id"].tolist() == [f"user-{number:04d}" for number in range(len(counts))]
    assert found["pairs"].tolist() == counts
    assert not (root / ".out.parts").exists()


def test_parts_are_tasks_and_leave_their_artifacts(slots, tmp_path):
    make_job(tmp_path, make_batch(COUNTS))
    state = run_flow(tmp_path)
    assert state.is_completed(), state.message
    expected(tmp_path, COUNTS)
    left = artifacts(state)
    assert left["adapt-users-progress"]["data"] == 100.0
    assert left["adapt-users-progress"]["description"] == "20 of 20 users"
    (row,) = json.loads(left["adapt-users-result"]["data"])
    assert (row["users"], row["pairs"], row["by an earlier run"]) == (20, sum(COUNTS), 0) and row["parts"] > 2
    assert "user-0" not in json.dumps(left)


@pytest.mark.system
def test_a_part_at_fault_does_not_stop_the_others_and_is_gone_on_with(slots, tmp_path):
    job = make_job(tmp_path, make_batch(COUNTS))
    (tmp_path / "out").write_text("in the way")
    assert "is no adaptation of users" in run_flow(tmp_path).message
    (tmp_path / "out").unlink()
    hidden = tmp_path / "states" / "shards" / "00001.index.npy"
    data = hidden.read_bytes()
    hidden.unlink()
    state = run_flow(tmp_path)
    assert state.is_failed() and "rerun stage embed" in state.message
    assert not job.out.exists()
    hidden.write_bytes(data)
    assert run_flow(tmp_path).is_completed()
    expected(tmp_path, COUNTS)


def test_without_slots_the_command_that_makes_them_is_named(server, tmp_path):
    fresh_slots(core=0)
    try:
        state = run_flow(tmp_path)
        assert state.is_failed() and "python -m flows.slots --core N" in state.message
    finally:
        fresh_slots(core=2)


def test_parameters_make_a_form(server):
    from flows.adapt_users import adapt_users

    properties = adapt_users.parameters.properties
    assert all(field.get("description") for field in properties.values()), properties
    assert properties["workers"]["type"] == "integer" and properties["workers"]["minimum"] == 1
    assert properties["state"]["type"] == "boolean" and properties["dataset"]["default"] == "stylebench"


@pytest.mark.system
def test_processes_do_the_same(slots, tmp_path):
    make_job(tmp_path, make_batch(COUNTS))
    state = run_flow(tmp_path, where="processes")
    assert state.is_completed(), state.message
    expected(tmp_path, COUNTS)


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[str]:
    """A Dask scheduler and its workers, processes of their own, as they would be on other machines."""
    where = f"tcp://127.0.0.1:{free_port()}"
    environment = {**child_environment(), "PYTHONPATH": str(PROJECT)}
    common = ["--no-dashboard", "--host", "127.0.0.1"]
    scheduler = ["-m", "distributed.cli.dask_scheduler", *common, "--port", where.rpartition(":")[2]]
    worker = ["-m", "distributed.cli.dask_worker", where, "--nthreads", "1", *common, "--local-directory", str(folder)]
    started = [
        subprocess.Popen([sys.executable, *command], env=environment, stderr=subprocess.DEVNULL)
        for command in [scheduler, *[worker] * workers]
    ]
    try:
        yield where
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


@pytest.mark.system
def test_a_scheduler_at_an_address_has_it_done_by_its_workers(slots, tmp_path):
    from flows.runners import runner

    make_job(tmp_path, make_batch(COUNTS))
    with cluster(tmp_path / "dask", 2) as where:
        wait_for(lambda: answers(runner, where))
        state = run_flow(tmp_path, where=where)
    assert state.is_completed(), state.message
    expected(tmp_path, COUNTS)


@pytest.mark.system
@pytest.mark.parametrize("where", ["", "processes"])
def test_a_killed_flow_goes_on(where, slots, tmp_path):
    counts = [9] * 1_000
    make_job(tmp_path, make_batch(counts), row_group=200)
    environment = {**child_environment(), "PREFECT_API_URL": slots, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", RUN, str(tmp_path), where]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: len(list(tmp_path.glob(".out.parts/*/part-*.parquet"))) >= 2)
            os.kill(process.pid, signal.SIGKILL)
        finally:
            process.kill()
    assert not (tmp_path / "out").exists()
    fresh_slots(core=2)  # the killed flow's come back when their leases are up, which takes a minute
    state = run_flow(tmp_path, rows_per_part=600)
    assert state.is_completed(), state.message
    expected(tmp_path, counts)
    (row,) = json.loads(artifacts(state)["adapt-users-result"]["data"])
    assert row["by an earlier run"] > 0


def answers(runner, where: str) -> bool:
    try:
        runner(where)
    except ValueError:
        return False
    return True


def wait_for(holds) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)
