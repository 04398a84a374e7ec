"""From the Prefect page in a real browser: every flow's form, and a sweep filled in, watched, and read."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest

from flows.deployments import OFFERED
from flows.environment import child_environment
from tests.flows.forms import artifacts, await_state, browser_page, choose, open_form, picture, submit, write
from tests.flows.test_page import PATIENCE_SECONDS, PROJECT, await_deployments, free_port
from tests.sweeping.tiny import make_data

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`make prefect` on a port of its own."""
    folder, port = tmp_path_factory.mktemp("prefect"), free_port()
    environment = {**child_environment(), "PREFECT_HOME": str(folder)}
    with (folder / "log").open("w") as log:
        page = subprocess.Popen(
            [sys.executable, "-m", "flows.page", "--port", str(port)],
            cwd=PROJECT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        assert await_deployments(port, len(OFFERED)), (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        page.send_signal(signal.SIGTERM)
        page.wait(PATIENCE_SECONDS)


def test_every_flow_has_a_form_with_all_its_parameters(address):
    with browser_page() as page:
        for offered in OFFERED:
            fields = open_form(page, address, _deployments(address)[offered.flow.name])
            assert fields == list(offered.flow.parameters.properties)


def test_a_sweep_is_filled_in_run_watched_and_read(address, tmp_path):
    project = make_data(tmp_path / "project")
    with browser_page() as page:
        open_form(page, address, _deployments(address)["sweep"])
        for name, value in {"dataset": "tiny", "backbone": "random", "trials": "4", "root": str(project)}.items():
            write(page, name, value)
        choose(page, "method", "bt")
        choose(page, "how", "random")
        submit(page)
        await_state(page, "Running")
        await_state(page, "Completed")
        said = artifacts(page, "sweep-trials")
        picture(page, tmp_path / "artifacts.png")
    assert "5 complete of 5 that ended" in said
    for what in ("sweep-trials", "sweep-progress", "sweep-summary", "sweep-mlflow", "sweep-report"):
        assert what in said
    assert len(list((project / "data/sweeps").glob("*/trials/*.json"))) == 5


def test_a_value_that_cannot_be_is_refused_by_the_run_in_words(address, tmp_path):
    project = make_data(tmp_path / "project")
    with browser_page() as page:
        open_form(page, address, _deployments(address)["sweep"])
        for name, value in {"dataset": "tinny", "backbone": "random", "root": str(project)}.items():
            write(page, name, value)
        submit(page)
        await_state(page, "Failed")
        page.get_by_text("did you mean 'tiny'").first.wait_for()


def _deployments(address: str) -> dict[str, str]:
    """Flow's name -> id of its deployment."""
    flows = {flow["id"]: flow["name"] for flow in _asked(f"{address}/api/flows/filter")}
    return {flows[found["flow_id"]]: found["id"] for found in _asked(f"{address}/api/deployments/filter")}


def _asked(question: str) -> list[dict[str, str]]:
    request = urllib.request.Request(question, data=b"{}", headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
