"""Prefect's database in PostgreSQL: a pool, workers in two checkouts, and several runs that write at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.system.machine import Machine, ended
from tests.system.pool import Pool
from tests.system.servers import Server, address, prefect_server

pytestmark = pytest.mark.system

REBUILD = "rebuild/worker"
WRITERS = 4
RUN_HERE = "from flows.rebuild import rebuild; rebuild()"


@pytest.fixture(scope="module")
def server(database_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("asyncpg", reason="needs the extra `scale`: pip install 'prefactor[scale]'")
    with prefect_server(tmp_path_factory.mktemp("server"), database_server.database("prefect", "asyncpg")) as running:
        yield running


@pytest.fixture
def pool(server: Server) -> Pool:
    return Pool(f"{address(server)}/api")


def built(machine: Machine) -> bool:
    return (machine.folder / "published.txt").is_file()


def other(pool: Pool, first: Machine, folder: Path) -> Machine:
    """Another machine, whose own checkout has the same path there as the first one's."""
    machine = pool.checkout(folder, path=first.folder)
    process = machine.start("-c", "open('seen.txt', 'w')")
    said, _ = process.communicate()
    if process.returncode:
        pytest.skip(f"needs mount namespaces, for two checkouts at one path: {said.strip()}")
    assert (folder / "seen.txt").is_file() and not (first.folder / "seen.txt").exists()
    return machine


def test_workers_on_two_machines_take_runs_from_one_pool(pool: Pool, tmp_path: Path):
    first = pool.checkout(tmp_path / "first")
    second = other(pool, first, tmp_path / "second")
    pool.deploy(first, REBUILD)
    with pool.worker(first, "first"):
        rebuilt(pool)
    assert built(first) and not built(second), "a worker rebuilds in its own checkout"
    with pool.worker(second, "second"):
        rebuilt(pool)
        assert built(second)
        with pool.worker(first, "first"):
            runs = [pool.await_state(run) for run in [pool.submit(REBUILD) for _ in range(3)]]
    assert [run["state_type"] for run in runs] == ["COMPLETED"] * 3
    spans = sorted((run["start_time"], run["end_time"]) for run in runs)
    ends, starts = [end for _, end in spans], [start for start, _ in spans]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False)), "one at a time, on all machines"


def rebuilt(pool: Pool) -> None:
    """A run from the pool, through to its artifacts."""
    run = pool.submit(REBUILD)
    assert pool.await_state(run)["state_type"] == "COMPLETED", pool.logged(run)
    assert {"rebuild-progress", "rebuild-stages", "rebuild-report"} <= pool.artifacts(run)


def test_several_machines_write_runs_logs_and_artifacts_at_once(pool: Pool, tmp_path: Path):
    machines = [pool.checkout(tmp_path / str(number)) for number in range(WRITERS)]
    for process in [machine.start("-c", RUN_HERE) for machine in machines]:
        said = ended(process)
        assert "Completed()" in said and "locked" not in said
    assert all(map(built, machines))
