"""An MLflow server that is away while something is published, promoted or rolled back."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from prefactor.promotion.decision import PROMOTED, ROLLED_BACK
from prefactor.promotion.loading import load_version
from prefactor.promotion.promoting import promote
from prefactor.promotion.rollback import rollback
from prefactor.tracking import publish
from prefactor.tracking.aliases import aliases_of
from prefactor.tracking.outage import StoreGone
from prefactor.tracking.store import client_of
from tests.promotion.killing import WRITES
from tests.promotion.project import BETTER, DATASET, NAME, add_model, moved
from tests.promotion.project import unpublished as unpublished_project
from tests.system.servers import Server, address, mlflow_server

pytestmark = pytest.mark.system


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    (tmp_path / "server").mkdir()
    with mlflow_server(tmp_path / "server", f"sqlite:///{tmp_path}/server/mlflow.db", {}) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address(server))
        yield server


@pytest.fixture
def root(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return moved(tmp_path / "project", unpublished_project(tmp_path_factory.getbasetemp()))


def before_write(number: int, do: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something once, before the ``number``-th write of this thread from now on; others only say that they live."""
    from mlflow import MlflowClient

    mine = threading.get_ident()
    calls = iter(range(10_000))

    def counted(method):
        def call(*arguments, **named):
            if threading.get_ident() == mine and next(calls) == number:
                do()
            return method(*arguments, **named)

        return call

    for name in dir(MlflowClient):
        if name.startswith(WRITES):
            monkeypatch.setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))


def check(server: Server, aliases: dict[str, str], outcomes: list[str]) -> None:
    """The aliases, one finished run for each decision, whole models, and a champion that loads over the network."""
    client = client_of(address(server))
    assert aliases_of(client, NAME) == aliases
    assert load_version(client, NAME).version == aliases["champion"]
    experiment = client.get_experiment_by_name(NAME).experiment_id
    assert all(model.status == "READY" for model in client.search_logged_models([experiment]))
    found = client.get_experiment_by_name("prefactor-tiny-decisions")
    runs = client.search_runs([found.experiment_id], order_by=["attributes.start_time ASC"]) if found else []
    assert [run.data.tags.get("prefactor.decision") for run in runs] == outcomes
    assert all(run.info.status == "FINISHED" for run in runs)


@pytest.mark.parametrize("gone_at", [2, 13])
def test_gone_it_is_said_in_a_line_and_back_everything_is_completed(server, root, monkeypatch, gone_at):
    def stopped_once(work: Callable[[], object], number: int) -> None:
        with monkeypatch.context() as patch:
            patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
            before_write(number, server.kill, patch)
            with pytest.raises(StoreGone, match=r"does not answer .*: run it again when the store is back"):
                work()
        server.start()
        work()

    publish(root)
    add_model(root, "other", BETTER, 0.9)
    stopped_once(lambda: publish(root), gone_at)
    check(server, {"champion": "1", "challenger": "2"}, [])
    stopped_once(lambda: promote(root, DATASET), gone_at % 7)
    check(server, {"champion": "2", "previous": "1"}, [PROMOTED])
    stopped_once(lambda: rollback(root, DATASET), 3)
    check(server, {"champion": "1", "previous": "2"}, [PROMOTED, ROLLED_BACK])


def test_away_for_some_seconds_it_is_waited_for(server, root, monkeypatch):
    publish(root)
    add_model(root, "other", BETTER, 0.9)
    publish(root)

    def away() -> None:
        server.kill()
        threading.Timer(3.0, server.start).start()

    before_write(3, away, monkeypatch)
    assert promote(root, DATASET).outcome == PROMOTED
    check(server, {"champion": "2", "previous": "1"}, [PROMOTED])
