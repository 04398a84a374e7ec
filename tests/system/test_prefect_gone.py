"""Prefect's server or its database away for a while, with a run on a worker in the middle."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.system.pool import Pool
from tests.system.servers import PATIENCE_SECONDS, Server, address, prefect_server

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
