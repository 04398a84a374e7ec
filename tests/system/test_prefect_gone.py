"""Prefect's server or its database away for a while, in the middle of a run on a worker, and of a sweep."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.test_sweep import NOWHERE, TRIAL, await_files, noted, outcomes
from tests.postgres import Postgres
from tests.sweeping.tiny import make_data
from tests.system.machine import Machine, ended
from tests.system.pool import Pool
from tests.system.servers import PATIENCE_SECONDS, PROJECT, Server, address, prefect_server

pytestmark = pytest.mark.system

REBUILD = "rebuild/worker"
SECONDS_AWAY = 8.0
# A stage that lasts for as long as the test wants.
WAIT_FOR_GO = """
import pathlib, time
pathlib.Path("begun").touch()
while not pathlib.Path("go").exists():
    time.sleep(0.1)
open("a.txt", "w").write("a")
"""

SWEEP = """
import sys
from pathlib import Path
import flows.sweep
from tests.flows.test_sweep import run

flows.sweep.SECONDS_AT_THE_END = 0.5  # for MLflow, which is not there
state = run(Path(sys.argv[1]))
sys.exit(None if state.is_completed() else str(state.message))
"""


@pytest.fixture
def database(database_server: Postgres, tmp_path: Path) -> str:
    pytest.importorskip("asyncpg", reason="needs the extra `scale`: pip install 'prefactor[scale]'")
    return database_server.database(tmp_path.name, "asyncpg")


@pytest.fixture
def server(database: str, tmp_path: Path) -> Iterator[Server]:
    with prefect_server(tmp_path, database) as running:
        yield running


def await_file(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} did not come"
        time.sleep(0.1)


@pytest.mark.parametrize("gone", ["server", "database"])
@pytest.mark.parametrize("ends", ["meanwhile", "afterwards"])
def test_a_run_goes_on_when_it_is_back(
    server: Server, database_server: Postgres, tmp_path: Path, gone: str, ends: str
) -> None:
    pool = Pool(f"{address(server)}/api")
    machine = pool.checkout(tmp_path / "machine")
    (machine.folder / "prepare.py").write_text(WAIT_FOR_GO)
    pool.deploy(machine, REBUILD)
    leave, come_back = (
        (server.kill, server.start) if gone == "server" else (database_server.stop, database_server.start)
    )
    with pool.worker(machine, "worker"):
        run = pool.submit(REBUILD)
        await_file(machine.folder / "begun")
        leave()
        if ends == "meanwhile":
            (machine.folder / "go").touch()
        time.sleep(SECONDS_AWAY)
        come_back()
        (machine.folder / "go").touch()
        found = pool.await_state(run)
        assert found["state_type"] == "COMPLETED", (machine.folder / "worker.log").read_text()[-4000:]
        assert {"rebuild-progress", "rebuild-stages", "rebuild-report"} <= pool.artifacts(run)
        pool.await_log(run, "Running stage 'aside'")
        again = pool.submit(REBUILD)
        assert pool.await_state(again)["state_type"] == "COMPLETED", "the worker takes runs as before"
    assert (machine.folder / "published.txt").read_text() == "once\n" * 2


def test_a_sweep_goes_on_with_what_runs_and_begins_the_rest_when_it_is_back(server: Server, tmp_path: Path) -> None:
    root = tmp_path / "project"
    make_data(root)
    for name, text in {"stages/__init__.py": "", "stages/trial.py": TRIAL, "died": "", ".dvc/tmp/kept": ""}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    home = {"PREFECT_API_URL": f"{address(server)}/api", "PREFECT_HOME": str(tmp_path / "prefect")}
    machine = Machine(PROJECT, {**home, "MLFLOW_TRACKING_URI": NOWHERE, "TRIAL_SECONDS": "1"})
    machine.run("-m", "flows.slots", "--core", "2")
    flow = machine.start("-c", SWEEP, str(root))
    await_files(root, "data/sweeps/try/trials/*.json", 2)
    server.kill()
    begun = noted(root, "begun")
    time.sleep(SECONDS_AWAY)
    assert set(begun) <= set(noted(root, "done")), "what ran is through without it"
    assert len(noted(root, "begun")) <= len(begun) + 2 < 9, "nothing else begins but what had its slot"
    server.start()
    ended(flow)
    assert [outcome.number for outcome in outcomes(root)] == noted(root, "begun") == list(range(9))
