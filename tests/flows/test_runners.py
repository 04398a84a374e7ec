"""Where tasks run: threads, processes of this machine, or a scheduler that answers."""

import os
import socket
from contextlib import suppress

import pytest

from flows.runners import runner
from prefactor.errors import InputError


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def test_threads_of_this_process_by_default():
    from prefect.task_runners import ThreadPoolTaskRunner

    found = runner("", 3)
    assert isinstance(found, ThreadPoolTaskRunner) and found._max_workers == 3


@pytest.mark.parametrize(
    "where", ["process", "tcp://", "tcp://here", "http://127.0.0.1:8786", "tcp://127.0.0.1:no", "x:1"]
)
def test_what_is_no_address_is_refused(where):
    with pytest.raises(InputError, match="leave it empty, or say 'processes' or an address, tcp://host:8786"):
        runner(where)


def test_a_scheduler_that_does_not_answer_is_named():
    where = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(
        InputError, match=rf"no Dask scheduler answers at {where} \(.*\): start one with `dask scheduler`"
    ):
        runner(where)


def test_there_is_at_least_one_worker():
    with pytest.raises(InputError, match="workers must be at least 1, got 0"):
        runner("", 0)


def test_processes_are_of_this_machine_alone_whoever_else_has_a_cluster(server):
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE

    @task(cache_policy=NO_CACHE, persist_result=False)
    def who(part):
        return os.getpid(), os.environ["OMP_NUM_THREADS"], part

    @flow(task_runner=runner("processes", 1), persist_result=False)
    def asked():
        return [future.result() for future in [who.submit(part) for part in range(3)]]

    with socket.socket() as other:  # Dask's own page, of somebody else's cluster
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):  # there is one already
            other.bind(("127.0.0.1", 8787))
            other.listen()
        found = asked()
    assert {threads for _, threads, _ in found} == {"1"} and [part for *_, part in found] == [0, 1, 2]
    assert {process for process, *_ in found}.isdisjoint({os.getpid()})
