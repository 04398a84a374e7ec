"""The turn at a server: one at a time, none lost for good. Any store can make registered models, so SQLite serves."""

import threading
import time
from pathlib import Path

import pytest
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST

from prefactor.tracking import lease as module
from prefactor.tracking.lease import BEAT, HOLDER, NAME, lease
from prefactor.tracking.store import client_of


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory):
    return client_of(f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.05)


def leave_behind(client, folder: Path) -> None:
    """What a killed holder leaves."""
    with pytest.raises(KeyboardInterrupt), lease(client, folder):
        raise KeyboardInterrupt


def holders(client) -> list[str]:
    return [model.tags[HOLDER] for model in client.search_registered_models(f"name = '{NAME}'")]


def take_turns(client, folder: Path, times: int) -> tuple[int, int]:
    """Of three checkouts, each so many times: how many had the turn at once, and how many turns there were."""
    inside, most, turns = 0, 0, 0

    def take(number: int) -> None:
        nonlocal inside, most, turns
        for _ in range(times):
            with lease(client, folder / str(number)):
                inside += 1
                most, turns = max(most, inside), turns + 1
                time.sleep(0.02)
                inside -= 1

    threads = [threading.Thread(target=take, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return most, turns


def test_turns_of_several_checkouts_do_not_overlap(client, tmp_path):
    assert take_turns(client, tmp_path, 3) == (1, 9)
    assert holders(client) == []


def test_several_who_wait_for_a_dead_one_take_turns(client, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DEAD_SECONDS", 0.3)
    monkeypatch.setattr(module, "POLL_SECONDS", 0.1)  # all have seen it dead before one of them takes its place
    leave_behind(client, tmp_path / "dead")
    assert take_turns(client, tmp_path, 1) == (1, 3)
    assert holders(client) == []


def test_a_turn_that_is_given_back_while_somebody_looks_is_waited_for(client, tmp_path, monkeypatch):
    """The store reads a model, then its tags; and where it finds the name taken it reads the model that took it."""
    given_back = MlflowException("it was here", RESOURCE_DOES_NOT_EXIST)
    looks = iter([given_back])
    tried = iter([MlflowException("taken", RESOURCE_ALREADY_EXISTS), given_back])
    get, create = client.get_registered_model, client.create_registered_model

    def look(name: str):
        return RegisteredModel(name, tags=[]) if next(looks, None) else get(name)

    def make(*arguments, **named):
        if error := next(tried, None):
            raise error
        return create(*arguments, **named)

    monkeypatch.setattr(client, "get_registered_model", look)
    monkeypatch.setattr(client, "create_registered_model", make)
    with lease(client, tmp_path):
        assert len(holders(client)) == 1
    assert holders(client) == []


def test_a_checkout_goes_on_at_once_after_its_own_publisher_was_killed(client, tmp_path):
    leave_behind(client, tmp_path)
    assert len(holders(client)) == 1
    with lease(client, tmp_path):
        assert len(holders(client)) == 1
    assert holders(client) == []


def test_another_checkout_waits_until_the_dead_have_been_silent_for_long(client, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DEAD_SECONDS", 0.3)
    leave_behind(client, tmp_path / "dead")
    [dead] = holders(client)
    with lease(client, tmp_path):
        assert holders(client) != [dead]
    assert holders(client) == []


def test_whoever_lives_keeps_the_turn_however_long_it_takes(client, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DEAD_SECONDS", 0.3)
    got = threading.Event()

    def wait() -> None:
        with lease(client, tmp_path / "waiting"):
            got.set()

    waiting = threading.Thread(target=wait)
    with lease(client, tmp_path / "slow"):
        waiting.start()
        time.sleep(1.0)
        assert not got.is_set()
        assert int(client.get_registered_model(NAME).tags[BEAT]) > 0
    waiting.join()
    assert got.is_set() and holders(client) == []
