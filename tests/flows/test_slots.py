"""Slots on a real Prefect server: waited for, given back, and refused where nobody said how many there are."""

import threading
import time
from contextlib import suppress

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client

from flows.lease import take
from flows.slots import LONGEST_PAUSE, count_slots, kind_of_slot, main, set_slots, slot
from prefactor.errors import InputError


def remove(name: str) -> None:
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client, suppress(ObjectNotFound):
        client.delete_global_concurrency_limit_by_name(name)


def fresh_slots(**numbers: int) -> None:
    """So many slots, none of which is held: a flow that was killed keeps its own on the tests' server for ever."""
    for kind in numbers:
        remove(kind)
    set_slots(numbers)


def test_without_a_limit_work_is_refused_with_the_command_that_makes_one(server, capsys):
    remove("core")
    with pytest.raises(InputError, match=r"no limit 'core'.*`python -m flows\.slots --core N`"), slot("core"):
        pass
    main(["--core", "1"])
    assert "core: 1 slots" in capsys.readouterr().out and count_slots("core") == 1


def test_a_limit_of_none_is_refused_rather_than_waited_for(server):
    set_slots({"core": 0})
    with pytest.raises(InputError, match="allows 0 slots"), slot("core"):
        pass


def test_as_many_at_once_as_there_are_slots_whatever_they_end_in(server):
    fresh_slots(core=1)
    at_once, most = [], []

    def work(fails: bool) -> None:
        try:
            with slot("core"):
                at_once.append(1)
                most.append(len(at_once))
                time.sleep(0.1)
                at_once.pop()
                if fails:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass

    workers = [threading.Thread(target=work, args=(fails,)) for fails in (True, False)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert most == [1, 1]


def test_a_free_slot_is_seen_soon_however_many_were_refused_before(server):
    fresh_slots(core=1)
    began, waited = threading.Event(), []

    def wait() -> None:
        began.set()
        asked = time.monotonic()
        with slot("core"):
            waited.append(time.monotonic() - asked)

    with slot("core"), get_client(sync_client=True) as client:
        for _ in range(30):  # each makes the server tell whoever is refused to come back later
            assert take(client, "core") is None
        waiter = threading.Thread(target=wait)
        waiter.start()
        began.wait()
        time.sleep(1.0)
    waiter.join()
    assert 0.9 < waited[0] < 1.0 + LONGEST_PAUSE + 10.0  # Prefect itself would ask again after 20 s and more


def test_waiting_for_a_slot_ends_with_words(server, monkeypatch):
    fresh_slots(core=1)
    monkeypatch.setattr("flows.slots.SECONDS_FOR_A_SLOT", 0.3)
    refused = pytest.raises(TimeoutError, match=r"none of 1 slots 'core' became free in \d+ s: .* --core N`")
    with slot("core"), refused, slot("core"):
        pass
    with slot("core"):  # and it is not taken twice
        pass


def test_a_server_that_is_away_is_waited_for_but_not_for_ever(server, monkeypatch):
    fresh_slots(core=1)
    monkeypatch.setattr("flows.slots.SECONDS_BETWEEN_TRIES", 0.0)
    real, away = SyncPrefectClient.increment_concurrency_slots_with_lease, [2]

    def increment(client, **given):
        away[0] -= 1
        if away[0] >= 0:
            raise httpx.ConnectError("nobody there")
        return real(client, **given)

    monkeypatch.setattr(SyncPrefectClient, "increment_concurrency_slots_with_lease", increment)
    with slot("core"):
        assert away == [-1]
    away[0] = 10**9
    monkeypatch.setattr("flows.slots.SECONDS_FOR_THE_SERVER", 0.1)
    with pytest.raises(httpx.ConnectError), slot("core"):
        pass


def test_a_slot_is_renewed_while_it_is_held_whatever_the_server_says(server, monkeypatch):
    fresh_slots(core=1)
    monkeypatch.setattr("flows.lease.SECONDS_BETWEEN_RENEWALS", 0.05)
    real, said = SyncPrefectClient.renew_concurrency_lease, []

    def renew(client, lease, seconds):
        said.append(httpx.ConnectError("away") if len(said) < 4 else real(client, lease, seconds).status_code)
        if len(said) <= 4:
            raise said[-1]

    monkeypatch.setattr(SyncPrefectClient, "renew_concurrency_lease", renew)
    with slot("core"):
        deadline = time.monotonic() + 30.0
        while len(said) < 6:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert said[4:6] == [204, 204]


def test_a_slot_whose_lease_was_up_is_taken_anew(server, monkeypatch):
    fresh_slots(core=1)
    monkeypatch.setattr("flows.lease.SECONDS_BETWEEN_RENEWALS", 0.05)
    leases, real = [], SyncPrefectClient.increment_concurrency_slots_with_lease

    def increment(client, **given):
        answer = real(client, **given)
        if answer.status_code == httpx.codes.OK:
            leases.append(answer.json()["lease_id"])
        return answer

    monkeypatch.setattr(SyncPrefectClient, "increment_concurrency_slots_with_lease", increment)
    with get_client(sync_client=True) as client, slot("core"):
        client.release_concurrency_slots_with_lease(leases[0])  # as the server does where nobody renews
        deadline = time.monotonic() + 30.0
        while len(leases) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert client.read_global_concurrency_limit_by_name("core").active_slots == 1
    with get_client(sync_client=True) as client:
        assert client.read_global_concurrency_limit_by_name("core").active_slots == 0


def test_numbers_below_none_are_refused(server):
    with pytest.raises(SystemExit, match="--gpu must be 0 or more, got -1"):
        main(["--gpu", "-1"])


def test_this_machine_needs_a_core_where_it_has_no_gpu():
    import torch

    assert kind_of_slot() == ("gpu" if torch.cuda.is_available() else "core")
