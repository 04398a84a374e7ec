"""`prefactor serve` as people start it: several processes, kills, keys, and champions out of a real registry."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from prefactor.backbones import BackboneParameters, open_states
from prefactor.serving.online.keys import make_key
from prefactor.serving.package import pack
from prefactor.serving.users.store import UserStore
from tests.postgres import postgres
from tests.serving.online.test_server import SECONDS, Call, free_port, observing
from tests.tracking.conftest import make_project

pytestmark = pytest.mark.system

ASK = {"prompt": "why tea", "responses": ["first the long answer", "short"], "user_id": "ada"}
CELL = "models/tiny/bert/vrf/default/seed-0"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def package(project, tmp_path_factory):
    identity = open_states(project / "data/states/tiny/bert").identity
    folder = tmp_path_factory.mktemp("served") / "package"
    pack(project / CELL, BackboneParameters(model=str(project / "brains/tinybert")), identity, False, folder)
    return folder


@contextlib.contextmanager
def served(folder: Path, port: int, *arguments: object):
    """The service's first process; whatever it started ends with the block."""
    command = [sys.executable, "-m", "prefactor.cli", "serve", "--port", port, "--watch-seconds", 0.2, *arguments]
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=log,
            stderr=log,
            env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)},
        )
    try:
        wait_until(lambda: Call(port)("GET", "/health/ready") is not None or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield process
    finally:
        ended(process)


def ended(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(20)
        wait_until(lambda: gone(children))
    process.wait(20)


def gone(processes):
    """Whether they have ended; one that nobody has waited for has."""
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def wait_until(true, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def workers(process):
    """Its processes that answer, and not multiprocessing's own."""
    found = []
    for child in psutil.Process(process.pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            found += [child] if any("spawn_main" in part for part in child.cmdline()) else []
    return found


def test_several_processes_share_a_port_a_store_and_counts(package, tmp_path):
    port, keys = free_port(), tmp_path / "keys"
    bearing = {"Authorization": f"Bearer {make_key(keys, 'ada')}"}
    call = Call(port)
    options = ("--package", package, "--workers", 2, "--store", tmp_path / "users.db", "--keys", keys)
    with served(tmp_path, port, *options) as process:
        wait_until(lambda: len(workers(process)) == 2)
        time.sleep(3)
        pair = {"prompt": "why tea", "chosen": "first", "rejected": "short"}
        for number in range(20):
            body = {"user_id": "zoe", "pairs": [{**pair, "chosen": f"first {'thanks ' * number}"}]}
            assert call.until_answered("POST", "/v1/observe", body, bearing.items())[0] == 200
        answers = [call("POST", "/v1/rank", {**ASK, "user_id": "zoe"}, bearing.items())[1] for _ in range(8)]
        assert {answer["user"]["pairs"] for answer in answers} == {20}
        assert call("POST", "/v1/rank", ASK)[0] == 401
        newer = {"Authorization": f"Bearer {make_key(keys, 'ben')}"}
        wait_until(lambda: call("GET", "/v1/model", None, newer.items())[0] == 200)  # a new key needs no restart
        worker = workers(process)[0]
        keys.write_text(
            "\n".join(line for line in keys.read_text().splitlines() if not line.startswith("ben:")) + "\nx\n"
        )
        wait_until(lambda: call("GET", "/v1/model", None, newer.items())[0] == 403)  # nor a deleted one, in any file
        wait_until(lambda: "line 2 is not" in str(call("GET", "/health")[1]["keys"]))
        worker.kill()
        wait_until(lambda: len(workers(process)) == 2 and worker.pid not in {one.pid for one in workers(process)})
        for _ in range(50):
            assert call.until_answered("POST", "/v1/rank", ASK, bearing.items())[0] == 200
        text = metrics(port, bearing)
        assert f'prefactor_model_processes{{model="{label(port, bearing)}"}}' in text
        counted = [
            line for line in text.splitlines() if 'route="/v1/rank",status="200"' in line and "requests_total" in line
        ]
        assert sum(float(line.split()[-1]) for line in counted) >= 58
        left = workers(process)
        shared = list(tmp_path.glob(".prefactor-processes.tmp-*"))
        assert len(shared) == 1
        os.kill(process.pid, signal.SIGKILL)  # those it started do not outlive it
        wait_until(lambda: gone(left))
    keys.write_text(keys.read_text().removesuffix("x\n"))
    with served(tmp_path, port, *options):
        assert not shared[0].exists() and len(list(tmp_path.glob(".prefactor-processes.tmp-*"))) == 1
        answer = call.until_answered("POST", "/v1/rank", {**ASK, "user_id": "zoe"}, bearing.items())[1]
        assert answer["user"]["pairs"] == 20
    log = (tmp_path / "log").read_text()
    assert "zoe" not in log and "why tea" not in log and '"route": "/v1/observe"' in log


def metrics(port, headers):
    import urllib.request

    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=headers)) as answer:
        return answer.read().decode()


def label(port, headers):
    return Call(port)("GET", "/v1/model", None, headers.items())[1]["model"]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The address of a store that is yet to be begun, in a database of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'users.db'}"
        return
    folder = tmp_path / "postgres"
    folder.mkdir()
    with postgres(folder) as server:
        yield server.database("users")


def test_all_of_it_killed_again_and_again_loses_and_doubles_nothing(package, tmp_path, url):
    port, moments, acknowledged = free_port(), random.Random(1), []
    options = ("--package", package, "--workers", 2, "--store", url)
    threads = [threading.Thread(target=observing, args=(port, n, 60, acknowledged)) for n in range(8)]
    for turn in range(5):
        with served(tmp_path, port, *options) as process:
            for thread in threads if turn == 0 else ():
                thread.start()
            time.sleep(moments.uniform(0.3, 2.0))
            if turn % 2:
                workers(process)[0].kill()
                time.sleep(moments.uniform(0.1, 1.0))
            left = workers(process)
            process.kill()
            process.wait()
            wait_until(lambda left=left: gone(left))
    with served(tmp_path, port, *options):
        for thread in threads:
            thread.join(SECONDS)
    assert len(acknowledged) == 480
    store = UserStore.open(url)
    for user in {user for user, _ in acknowledged}:
        kept = [pair.prompt.removeprefix("prompt ") for pair in store.pairs(user)]
        assert sorted(kept[::2]) == sorted(kept[1::2]) == sorted(key for owner, key in acknowledged if owner == user)
    store.close()


@contextlib.contextmanager
def registry(folder: Path, port: int, uri: str):
    """An MLflow server before a store, for as long as the block lasts."""
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        uri,
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    with (folder / "registry.log").open("a") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until(lambda: reached(port))
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def reached(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_champions_of_a_registry_take_over_and_those_at_fault_do_not(project, tmp_path, monkeypatch):
    from prefactor.tracking import publish
    from prefactor.tracking.store import client_of

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    store, server = f"sqlite:///{tmp_path / 'mlflow.db'}", free_port()
    publish(project, store)
    client, name = client_of(store), "prefactor-tiny"
    version = client.get_model_version_by_alias(name, "champion")
    made = {"source": version.source, "run_id": version.run_id, "model_id": version.model_id}
    second = client.create_model_version(name, tags=version.tags, **made)
    bad = client.create_model_version(name, tags={**version.tags, "prefactor.package": "0" * 64}, **made)
    port = free_port()
    call, options = Call(port), ("--dataset", "tiny", "--root", tmp_path)

    def ready():
        return call.until_answered("GET", "/health/ready")[1]

    def answering():
        return call("POST", "/v1/rank", ASK)[1]["model"]

    with contextlib.ExitStack() as stack:
        with registry(tmp_path, server, store):
            uri = f"http://127.0.0.1:{server}"
            stack.enter_context(served(tmp_path, port, *options, "--tracking-uri", uri))
            assert answering() == f"{name}/1" and ready()["store"] == "up"
            assert (tmp_path / "data" / "online" / "tiny.db").is_file()
            client.set_registered_model_alias(name, "champion", second.version)
            wait_until(lambda: ready()["model"] == f"{name}/2")
            client.set_registered_model_alias(name, "champion", bad.version)
            wait_until(lambda: ready()["refused"])
            assert ready()["refused"].startswith(f"{name}/{bad.version}: it could not be loaded")
            assert "was changed" in (tmp_path / "log").read_text() and answering() == f"{name}/2"
        wait_until(lambda: ready()["registry"] == "down")
        assert answering() == f"{name}/2"
        client.set_registered_model_alias(name, "champion", "1")
        with registry(tmp_path, server, store):
            wait_until(lambda: ready()["model"] == f"{name}/1" and ready()["refused"] is None)
            assert ready()["registry"] == "up"
