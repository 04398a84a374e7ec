"""The service as a process: what it refuses to start with, and observations that survive it being killed."""

import asyncio
import http.client
import io
import json
import multiprocessing
import random
import socket
import stat
import threading
import time
from contextlib import closing

import pytest
import torch

from prefactor.errors import InputError
from prefactor.serving.online.application import create_app
from prefactor.serving.online.logs import make_log
from prefactor.serving.online.server import Options, _store, bound, serve
from prefactor.serving.online.settings import Settings
from prefactor.serving.requests import Request
from prefactor.serving.users.store import UserStore
from tests.serving.online.world import make_current, make_ranker, make_service

SECONDS = 120
USERS = ("zoe", "ada", "ulf")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(folder, port, questions=None):
    """A service on a store below a folder, in this process, until it is killed."""
    import uvicorn

    torch.set_num_threads(1)
    app = create_app(make_service(folder, questions=questions), Settings(), log=make_log(io.StringIO()))
    uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False)).run([bound("127.0.0.1", port)])


class Call:
    """One caller's connection, which does not mind the service going away."""

    def __init__(self, port):
        self.port = port

    def __call__(self, method, path, body=None, headers=()):
        """Status and answer; None while nothing answers."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            kind = {"Content-Type": "application/json", **dict(headers)}
            connection.request(method, path, None if body is None else json.dumps(body), kind)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def until_answered(self, *request):
        """The same again until an answer comes: what a caller does who must not lose or double anything."""
        deadline = time.monotonic() + SECONDS
        while (found := self(*request)) is None or found[0] == 503:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return found


def observing(port, caller, calls, acknowledged):
    """Send observations under keys, each again and again until it is acknowledged."""
    call = Call(port)
    for number in range(calls):
        key, user = f"{caller}-{number}", USERS[(caller + number) % len(USERS)]
        status, answer = call.until_answered("POST", "/v1/observe", {"user_id": user, "pairs": seen(key), "key": key})
        assert status == 200, answer
        acknowledged.append((user, key))


def seen(key):
    return [{"prompt": f"prompt {key}", "chosen": f"good {part}", "rejected": "bad"} for part in (1, 2)]


def check_store(folder, acknowledged):
    """Every acknowledged pair is there once, a call's pairs side by side, and states are what all pairs make."""
    people = make_current(UserStore.open(str(folder / "users.db"))).people
    for user in USERS:
        kept = people.store.pairs(user)
        keys = [pair.prompt.removeprefix("prompt ") for pair in kept]
        assert sorted(keys[::2]) == sorted(key for owner, key in acknowledged if owner == user)
        assert [pair.model_dump() for pair in kept] == [pair for key in keys[::2] for pair in seen(key)]
        state, _ = people.state(user)
        ranker = make_ranker()
        [fresh] = ranker.answer([Request(prompt="q", responses=["a", "b"], user_id=user, reference=kept)])
        assert state["count"].item() == fresh.user.pairs
        torch.testing.assert_close(state["weight"][0], torch.tensor(fresh.user.weights), atol=2e-4, rtol=2e-3)
    people.store.close()


def killed_and_retried(start, folder, port, callers, calls, kills, seed):
    """Observe from several callers while the service is killed and started again at random moments."""
    moments, acknowledged = random.Random(seed), []
    process = start()
    assert Call(port).until_answered("GET", "/health/ready")[0] == 200
    threads = [threading.Thread(target=observing, args=(port, n, calls, acknowledged)) for n in range(callers)]
    for thread in threads:
        thread.start()
    for _ in range(kills):
        time.sleep(moments.uniform(0.02, 0.3))
        process.kill()
        process.join() if hasattr(process, "join") else process.wait()
        process = start()
    for thread in threads:
        thread.join(SECONDS)
    process.kill()
    process.join() if hasattr(process, "join") else process.wait()
    assert len(acknowledged) == callers * calls
    check_store(folder, acknowledged)


def test_killed_under_observations_nothing_is_lost_or_doubled(tmp_path):
    make_service(tmp_path).close()  # the store is there before the first kill
    port, context = free_port(), multiprocessing.get_context("fork")

    def start():
        process = context.Process(target=run, args=(tmp_path, port), daemon=True)
        process.start()
        return process

    killed_and_retried(start, tmp_path, port, callers=3, calls=12, kills=3, seed=0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "give either --dataset or --package"),
        ({"dataset": "a", "package": "b"}, "give either --dataset or --package"),
        ({"dataset": "a", "host": "0.0.0.0"}, "0.0.0.0 is for others too: give --keys"),
        ({"dataset": "a", "host": "::"}, "give --keys"),
        ({"package": "b", "own_store": True}, "a dataset's own store goes with --dataset"),
        ({"dataset": "a", "own_store": True, "store": "users.db"}, "and with no other store"),
        ({"dataset": "a", "workers": 0}, "workers must be at least 1"),
        ({"dataset": "a", "watch_seconds": 0.0}, "watch_seconds must be positive"),
    ],
)
def test_options_at_fault_are_refused(options, said):
    with pytest.raises(InputError) as refusal:
        Options(**options)
    assert said in str(refusal.value)


def test_a_datasets_own_store_is_its_owners_alone(tmp_path):
    options = Options(dataset="tiny", root=tmp_path, own_store=True)
    for _ in range(2):
        _store(options).close()
    path = tmp_path / "data" / "online" / "tiny.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert _store(Options(dataset="tiny", root=tmp_path)) is None


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path):
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(InputError, match=r"data/online cannot be made .*give a --store"):
        _store(Options(dataset="tiny", root=tmp_path, own_store=True))


def test_an_address_that_is_taken_is_refused():
    with closing(bound("127.0.0.1", 0)) as taken:
        taken.listen()
        with pytest.raises(InputError, match="choose another --port"):
            serve(Options(dataset="a", port=taken.getsockname()[1]))


def test_keys_at_fault_are_refused_before_anything_starts(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        serve(Options(dataset="a", port=free_port(), settings=Settings(keys=tmp_path / "none")))


def test_answers_are_sent_at_once():
    async def main():
        sent = []

        class Answering(asyncio.Protocol):
            def connection_made(self, transport):
                sent.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                transport.close()

        place = bound("127.0.0.1", 0)
        server = await asyncio.get_running_loop().create_server(Answering, sock=place)
        _, writer = await asyncio.open_connection(*place.getsockname())
        while not sent:
            await asyncio.sleep(0.01)
        writer.close()
        server.close()
        return sent

    assert asyncio.run(main()) == [1]
