"""The turn at a server: one at a time, none lost for good. Any store can make registered models, so SQLite serves."""

import threading
import time
from pathlib import Path

import pytest
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, RESOURCE_DOES_NOT_EXIST

from prefactor.errors import InputError
from prefactor.tracking import lease as module
from prefactor.tracking.lease import BEAT, HOLDER, NAME, NOTE, TurnLost, lease
from prefactor.tracking.store import client_of


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory):
    return client_of(f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db")


@pytest.fixture(autouse=True)
def _impatient(client, monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.05)
    yield
    if holders(client):  # a test that failed leaves the next ones no turn to wait for
        client.delete_registered_model(NAME)


def leave_behind(client, folder: Path) -> None:
    """What a killed holder leaves."""
    module._take(client, folder / NOTE)


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


def test_a_machine_alike_in_name_and_path_is_another_checkout(client, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DEAD_SECONDS", 0.3)
    leave_behind(client, tmp_path / "app")
    (tmp_path / "app").rename(tmp_path / "elsewhere")
    began = time.monotonic()
    with lease(client, tmp_path / "app"):
        assert time.monotonic() - began > 0.3
    assert holders(client) == []


def test_looks_at_a_server_that_was_away_are_no_silence(client, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DEAD_SECONDS", 0.3)
    leave_behind(client, tmp_path / "dead")
    get, looks = client.get_registered_model, 0

    def look(name: str):
        nonlocal looks
        looks += 1
        if looks == 2:
            time.sleep(0.4)
        return get(name)

    with monkeypatch.context() as patch:
        patch.setattr(client, "get_registered_model", look)
        with lease(client, tmp_path / "waiting"):
            assert looks > 0.3 / module.POLL_SECONDS


def test_a_turn_whose_making_was_not_heard_of_is_had(client, tmp_path, monkeypatch):
    """The client asks again where an answer was lost, and finds the name taken: by itself."""
    monkeypatch.setattr(module, "DEAD_SECONDS", 0.3)
    create, made = client.create_registered_model, 0

    def make(*arguments, **named):
        nonlocal made
        made += 1
        create(*arguments, **named)
        if made == 1:
            raise MlflowException("taken", RESOURCE_ALREADY_EXISTS)

    monkeypatch.setattr(client, "create_registered_model", make)
    with lease(client, tmp_path):
        assert made == 1 and len(holders(client)) == 1
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


def test_whoever_lost_the_turn_says_so_and_keeps_no_successor_alive(client, tmp_path):
    with pytest.raises(TurnLost, match="run it again"), lease(client, tmp_path / "slept"):
        client.delete_registered_model(NAME)
        leave_behind(client, tmp_path / "next")
        [successor] = holders(client)
        time.sleep(6 * module.BEAT_SECONDS)
        assert client.get_registered_model(NAME).tags[BEAT] == "0"
    assert holders(client) == [successor]


def test_a_turn_is_not_ended_for_another_that_was_seen_before_it(client, tmp_path):
    leave_behind(client, tmp_path / "first")
    [seen] = holders(client)
    client.delete_registered_model(NAME)
    leave_behind(client, tmp_path / "next")
    [successor] = holders(client)
    module._remove(client, seen)
    assert holders(client) == [successor]
    module._remove(client, successor)
    assert holders(client) == []


def test_a_block_that_fails_gives_the_turn_back(client, tmp_path):
    for error in (InputError, KeyboardInterrupt):
        with pytest.raises(error), lease(client, tmp_path):
            raise error("is @champion already")
        assert holders(client) == []


def test_a_block_that_fails_with_its_server_says_why_and_has_its_turn_again_at_once(client, tmp_path, monkeypatch):
    def gone(name: str):
        raise MlflowException("connection refused")

    with (
        monkeypatch.context() as patch,
        pytest.raises(InputError, match="in the block"),
        lease(client, tmp_path),
    ):
        patch.setattr(client, "get_registered_model", gone)
        raise InputError("in the block")
    assert len(holders(client)) == 1
    with lease(client, tmp_path):
        assert len(holders(client)) == 1
    assert holders(client) == []
