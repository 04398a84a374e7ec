"""MLflow's server or its database away for a while in the middle of publishing."""

import time

import pytest

from tests.postgres import Postgres
from tests.system.machine import Machine, ended
from tests.system.published import PUBLISH, WHOLE, look
from tests.system.servers import PATIENCE_SECONDS, address, mlflow_server

pytestmark = pytest.mark.system

SECONDS_AWAY = 5.0


def await_runs(uri: str) -> None:
    """Until publishing has begun its first run, seen from below."""
    import psycopg

    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with psycopg.connect(uri.replace("+psycopg", "")) as connection:
            known = connection.execute("SELECT to_regclass('runs') IS NOT NULL").fetchone()[0]
            if known and connection.execute("SELECT count(*) FROM runs").fetchone()[0]:
                return
        time.sleep(0.05)
    pytest.fail("publishing began no run")


def test_publishing_waits_for_a_server_that_restarts_or_goes_on_when_run_again(
    machines, database_server: Postgres, bucket, tmp_path
):
    database = database_server.database("restarted")
    place = ("--artifacts-destination", bucket.url(f"{tmp_path.name}/restarted"))
    with mlflow_server(tmp_path, database, bucket.environment, *place) as server:
        machine, uri = Machine(machines[0].folder), address(server)
        publisher = machine.start(*PUBLISH, MLFLOW_TRACKING_URI=uri)
        await_runs(database)
        server.kill()
        time.sleep(SECONDS_AWAY)
        server.start()
        said, _ = publisher.communicate()
        # Requests are made again until it is back, but for one whose answer broke off in the middle.
        assert publisher.returncode == 0 or "does not answer" in said.splitlines()[-1], said[-3000:]
        machine.run(*PUBLISH, MLFLOW_TRACKING_URI=uri)
        assert look(machine, uri)[0] == WHOLE


def test_publishing_says_that_its_database_went_and_goes_on_when_run_again(machines, database_server: Postgres):
    uri = database_server.database("stopped")
    publisher = machines[0].start(*PUBLISH, MLFLOW_TRACKING_URI=uri)
    await_runs(uri)
    database_server.stop()
    said, _ = publisher.communicate()
    database_server.start()
    assert publisher.returncode == 1 and "does not answer" in said.splitlines()[-1], said[-3000:]
    assert database_server.password not in said
    ended(machines[1].start(*PUBLISH, MLFLOW_TRACKING_URI=uri))
    assert look(machines[0], uri)[0] == WHOLE
