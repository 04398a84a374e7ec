"""An MLflow server that is away for a while under a training that is reported live."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefactor.layout import Cell
from prefactor.tracking.live import live_run
from prefactor.tracking.store import client_of, experiment
from tests.system.servers import Server, address, mlflow_server

pytestmark = pytest.mark.system

CELL = Cell("world", "tiny", "vrf", "scaled")
SLOW_SECONDS = 15.0  # that no report may take: the client alone would try for minutes


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with mlflow_server(tmp_path, f"sqlite:///{tmp_path}/mlflow.db", {}) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address(server))
        yield server


def curve(server: Server) -> tuple[str, list[tuple[int, float]]]:
    """The one run's status and all its points."""
    client = client_of(address(server))
    (run,) = client.search_runs([experiment(client, CELL.dataset)])
    history = client.get_metric_history(run.info.run_id, "loss")
    return run.info.status, sorted((point.step, point.value) for point in history)


@pytest.mark.parametrize("gone_at", [1, 3])
def test_what_a_dead_server_missed_it_gets_when_it_is_back(
    server: Server, tmp_path: Path, gone_at: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "prefactor"), live_run(tmp_path, CELL, "training", "0123") as report:
        assert report is not None
        for step in range(1, 8):
            if step == gone_at:
                server.kill()
            if step == 6:
                server.start()
            started = time.monotonic()
            report(step, {"loss": 1 / step})
            assert time.monotonic() - started < SLOW_SECONDS
    said = [record.getMessage() for record in caplog.records if record.name == "prefactor.tracking.live"]
    assert len(said) == 1 and said[0].startswith("MLflow misses some of this training for now: ")
    assert curve(server) == ("FINISHED", [(step, 1 / step) for step in range(1, 8)])


def test_a_server_that_stays_away_stops_no_training_and_a_resumed_one_goes_on_with_its_run(
    server: Server, tmp_path: Path
) -> None:
    with live_run(tmp_path, CELL, "training", "0123") as report:
        assert report is not None
        report(1, {"loss": 1.0})
        server.kill()
        report(2, {"loss": 0.5})
    server.start()
    assert curve(server) == ("RUNNING", [(1, 1.0)])
    with live_run(tmp_path, CELL, "training", "0123") as report:  # from its checkpoint on
        assert report is not None
        report(2, {"loss": 0.5})
    assert curve(server) == ("FINISHED", [(1, 1.0), (2, 0.5)])
