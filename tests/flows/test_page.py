"""`make prefect`: a server and the served flows, ending together."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from flows.deployments import OFFERED
from flows.environment import child_environment
from flows.page import wait_until_healthy

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 180.0
NOBODY = "http://127.0.0.1:9/api"


def test_a_server_that_ends_at_once_is_reported():
    with subprocess.Popen(["sh", "-c", "exit 3"], text=True) as server:
        server.wait()
        with pytest.raises(SystemExit, match="ended with status 3"):
            wait_until_healthy(NOBODY, server, seconds=5.0)


def test_a_server_that_never_answers_is_reported():
    with subprocess.Popen(["sleep", "60"], text=True) as server:
        try:
            with pytest.raises(SystemExit, match="did not answer within 1 s"):
                wait_until_healthy(NOBODY, server, seconds=1.0)
        finally:
            server.kill()


@pytest.mark.system
def test_the_page_shows_the_flow_and_leaves_nothing_behind(tmp_path):
    port = free_port()
    environment = {**child_environment(), "PREFECT_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "flows.page", "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        page = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=log, stderr=log)
    try:
        assert await_deployments(port, len(OFFERED)) == ["local"] * len(OFFERED)
        assert "rebuild" in shown(f"http://127.0.0.1:{port}/flows", tmp_path)
    finally:
        page.send_signal(signal.SIGTERM)
        page.wait(PATIENCE_SECONDS)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "the server outlived its page"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_deployments(port: int, number: int) -> list[str]:
    """The names of the deployments, as soon as there are so many."""
    question = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/deployments/filter", data=b"{}", headers={"Content-Type": "application/json"}
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(question, timeout=5) as answer:
                if len(found := json.load(answer)) >= number:
                    return [deployment["name"] for deployment in found]
        except OSError:
            pass
        time.sleep(0.5)
    return []


def shown(address: str, folder: Path) -> str:
    """What a browser makes of a page: the document after its scripts have run."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs `chromium` on PATH")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += [
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={folder / 'browser'}",
    ]
    command += ["--virtual-time-budget=60000", "--dump-dom", address]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS).stdout
