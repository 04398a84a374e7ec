"""A flow's tasks on Dask workers of two machines, which share the disk and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.adaptation.worlds import make_batch, make_job
from tests.postgres import Postgres
from tests.system.cluster import cluster
from tests.system.machine import Machine, ended
from tests.system.servers import PROJECT, Server, address, prefect_server

pytestmark = pytest.mark.system

COUNTS = [5, 9, 1, 20, 3, 7, 9, 9, 30, 2] * 12
DONE = "Finished in state Completed"
ADAPT = """
import sys
from pathlib import Path
from flows.adapt_users import adapt_users

root, where = Path(sys.argv[1]), sys.argv[2]
paths = {"pairs": root / "pairs.parquet", "model": root / "model", "states": root / "states"}
adapt_users(**paths, out=root / sys.argv[3], rows_per_part=50, where=where, workers=2, root=root)
"""


@pytest.fixture(scope="module")
def server(database_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    for module in ("asyncpg", "prefect_dask"):
        pytest.importorskip(module, reason="needs the extra `scale`: pip install 'prefactor[scale]'")
    with prefect_server(tmp_path_factory.mktemp("server"), database_server.database("dask", "asyncpg")) as running:
        yield running


@pytest.fixture
def machines(server: Server, tmp_path: Path) -> list[Machine]:
    """Two machines with this checkout at the same path, and a limit of two cores for both together."""
    found = []
    for name in ("first", "second"):
        home = {"PREFECT_API_URL": f"{address(server)}/api", "PREFECT_HOME": str(tmp_path / name)}
        found.append(Machine(PROJECT, {**home, "OMP_NUM_THREADS": "1"}))
    found[0].run("-m", "flows.slots", "--core", "2")
    return found


def told(folder: Path) -> tuple[list[str], np.ndarray]:
    """Every user that was written, and their weights."""
    table = pq.read_table(sorted(folder.glob("*.parquet")))
    return table["user_id"].to_pylist(), np.stack(table["weight"].to_pylist())


def test_tasks_run_on_workers_of_both_machines_and_of_one_when_the_other_dies(machines: list[Machine], tmp_path: Path):
    root = tmp_path / "shared"
    make_job(root, make_batch(COUNTS))
    machines[0].run("-c", ADAPT, str(root), "", "here")
    first, second = machines
    with (
        cluster(first, tmp_path) as found,
        found.worker(first, "first") as first_worker,
        found.worker(second, "second") as second_worker,
    ):
        first.run("-c", ADAPT, str(root), found.where, "both")
        first_worker.await_line(DONE)
        second_worker.await_line(DONE)
        before = second_worker.said(DONE)
        flow = first.start("-c", ADAPT, str(root), found.where, "survived")
        second_worker.await_line(DONE, before + 2)
        first_worker.kill()
        ended(flow)
    users, weights = told(root / "here")
    assert users == [f"user-{number:04d}" for number in range(len(COUNTS))]
    for name in ("both", "survived"):
        found_users, found_weights = told(root / name)
        assert found_users == users
        np.testing.assert_allclose(found_weights, weights, rtol=1e-4, atol=1e-5)
