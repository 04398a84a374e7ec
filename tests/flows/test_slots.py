"""Slots on a real Prefect server: waited for, given back, and refused where nobody said how many there are."""

import threading
import time
from contextlib import suppress

import pytest

from flows.slots import count_slots, kind_of_slot, main, set_slots, slot
from prefactor.errors import InputError


def remove(name: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client, suppress(ObjectNotFound):
        client.delete_global_concurrency_limit_by_name(name)


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
    set_slots({"core": 1})
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


def test_numbers_below_none_are_refused(server):
    with pytest.raises(SystemExit, match="--gpu must be 0 or more, got -1"):
        main(["--gpu", "-1"])


def test_this_machine_needs_a_core_where_it_has_no_gpu():
    import torch

    assert kind_of_slot() == ("gpu" if torch.cuda.is_available() else "core")
