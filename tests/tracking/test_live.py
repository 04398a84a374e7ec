"""A training's loss while it runs: only where a store is named, never mixed up with what is published."""

import shutil
from pathlib import Path

import pytest

from prefactor.layout import Cell
from prefactor.tracking.live import LIVE, LIVE_KEY, live_run
from prefactor.tracking.runs import KEY, remove_unfinished
from prefactor.tracking.store import connected, experiment

CELL = Cell("world", "tiny", "vrf", "scaled")


def test_without_a_store_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with live_run(tmp_path, CELL, "training", "0123") as report:
        assert report is None
    assert not list(tmp_path.iterdir())


def test_steps_are_there_while_it_runs_and_it_goes_on_after_a_failure(
    project: Path, published: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(project / "mlruns" / "mlflow.db", tmp_path)  # making a store anew takes seconds
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(KeyboardInterrupt), live_run(tmp_path, CELL, "training", "0123") as report:
        assert report is not None
        report(1, {"loss": 0.7, "step": 1.0, "validation_users_accuracy": float("nan")})
        with connected(tmp_path, uri) as client:
            [run] = client.search_runs([experiment(client, "world")])
            assert run.info.status == "RUNNING" and run.data.metrics == {"loss": 0.7}
        raise KeyboardInterrupt
    with live_run(tmp_path, CELL, "training", "0123"):
        pass  # nothing was reported: nothing is made
    with live_run(tmp_path, CELL, "training", "0123") as report:
        assert report is not None
        report(2, {"loss": 0.5})
    with connected(tmp_path, uri) as client:
        number = experiment(client, "world")
        [run] = client.search_runs([number])
        assert run.data.tags[LIVE_KEY] == "0123"
        assert run.info.status == "FINISHED" and run.data.tags[LIVE] == "training" and KEY not in run.data.tags
        points = client.get_metric_history(run.info.run_id, "loss")
        assert sorted((point.step, point.value) for point in points) == [(1, 0.7), (2, 0.5)]
        client.update_run(run.info.run_id, status="RUNNING")
        assert remove_unfinished(client, number) == 0  # publishing leaves it alone
        client.set_terminated(run.info.run_id, "FAILED")
    with live_run(tmp_path, CELL, "training", "4567") as report:  # of that name, but another training
        assert report is not None
        report(1, {"loss": 0.9})
    with connected(tmp_path, uri) as client:
        assert len(client.search_runs([number])) == 2


def test_a_store_in_trouble_stops_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with caplog.at_level("WARNING", "prefactor"), live_run(tmp_path, CELL, "training", "0123") as report:
        assert report is not None
        for step in range(1, 6):
            report(step, {"loss": 0.7})
    [said] = [record.getMessage() for record in caplog.records if record.name == "prefactor.tracking.live"]
    assert said.startswith("MLflow misses some of this training for now: ")
