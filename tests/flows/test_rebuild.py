"""The flow on a real local Prefect server, running a real DVC pipeline."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.environment import child_environment
from flows.workspace import exclusive
from prefactor.errors import InputError

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120.0


def run_flow(project, **parameters):
    """Run the flow to its end and return its final state."""
    from flows.rebuild import rebuild

    return rebuild(root=project.root, return_state=True, **parameters)


def ask(path: str, **question):
    """What the server's API answers."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return client.request("POST", path, json=question).raise_for_status().json()


def artifacts(state) -> dict[str, dict]:
    """The artifacts of one run by key."""
    mine = {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}
    return {artifact["key"]: artifact for artifact in ask("/artifacts/filter", artifacts=mine)}


def stages_of(artifact) -> dict[str, str]:
    return {row["stage"]: row["state"] for row in json.loads(artifact["data"])}


def latest_stages() -> dict[str, str]:
    tables = {"key": {"any_": ["rebuild-stages"]}}
    return stages_of(ask("/artifacts/latest/filter", artifacts=tables)[0])


@pytest.fixture(scope="module")
def built(server, make_project):
    """A project that one rebuild has built, and that rebuild's final state."""
    project = make_project()
    return project, run_flow(project)


def test_a_rebuild_runs_publishes_and_leaves_its_artifacts(built):
    project, state = built
    assert state.is_completed()
    assert (project.root / "published.txt").read_text() == "once\n"
    left = artifacts(state)
    names = ["prepare", "grow@p", "grow@q", "report", "aside"]
    assert stages_of(left["rebuild-stages"]) == dict.fromkeys(names, "ran")
    assert left["rebuild-stages"]["description"] == "5 of 5 stages: 5 ran"
    assert left["rebuild-progress"]["data"] == 100.0
    assert (project.root / "reports" / "index.html").as_uri() in left["rebuild-report"]["data"]
    assert "toy_set/tables/index.html" in left["rebuild-data-docs-toy-set-tables"]["data"]


def test_targets_and_publish_are_obeyed(built):
    project, _ = built
    left = artifacts(run_flow(project, targets=["grow"], publish=False))
    assert stages_of(left["rebuild-stages"]) == dict.fromkeys(["prepare", "grow@p", "grow@q"], "unchanged")
    assert (project.root / "published.txt").read_text() == "once\n"


def test_force_runs_what_did_not_change(built):
    project, _ = built
    left = artifacts(run_flow(project, targets=["prepare"], force=True, publish=False))
    assert stages_of(left["rebuild-stages"]) == {"prepare": "ran"}


def test_a_failing_stage_fails_the_flow_with_its_own_error(server, tiny_project):
    tiny_project.write("report.py", "raise SystemExit('pairs.parquet: row 7 has no user: drop it')\n")
    state = run_flow(tiny_project)
    assert state.is_failed()
    assert "stage 'report' failed: pairs.parquet: row 7 has no user: drop it" in state.message
    assert "exit status" not in state.message
    left = artifacts(state)
    assert stages_of(left["rebuild-stages"])["report"] == "failed"
    assert left["rebuild-progress"]["data"] < 100.0
    assert not (tiny_project.root / "published.txt").exists()


def test_failing_to_publish_fails_the_flow_with_its_own_error(server, tiny_project):
    tiny_project.write("stages/publish.py", "raise SystemExit('the registry cannot be reached')\n")
    state = run_flow(tiny_project, targets=["prepare"])
    assert state.is_failed() and "publishing failed:\nthe registry cannot be reached" in state.message


def test_an_unknown_target_is_refused_before_anything_runs(server, tiny_project):
    state = run_flow(tiny_project, targets=["reprot"])
    assert state.is_failed() and "there is no stage 'reprot'; did you mean 'report'?" in state.message
    assert not (tiny_project.root / "a.txt").exists()


def test_a_busy_workspace_is_refused(server, tiny_project):
    with exclusive(tiny_project.root):
        state = run_flow(tiny_project)
    assert state.is_failed() and "another rebuild runs in" in state.message


def test_a_terminated_flow_takes_dvc_and_its_stage_with_it(server, tiny_project):
    waiting = "import os, time\nopen('stage.pid', 'w').write(str(os.getpid()))\ntime.sleep(300)\n"
    tiny_project.write("prepare.py", waiting)
    script = f"from flows.rebuild import rebuild; rebuild(root={str(tiny_project.root)!r})"
    environment = {**child_environment(), "PREFECT_API_URL": server, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as flow:
        try:
            stage = await_number(tiny_project.root / "stage.pid")
            flow.send_signal(signal.SIGTERM)
            said, _ = flow.communicate(timeout=PATIENCE_SECONDS)
        finally:
            flow.kill()
    assert flow.returncode != 0, said
    assert latest_stages() == {"prepare": "stopped"}
    with pytest.raises(ProcessLookupError):
        os.kill(stage, 0)
    with exclusive(tiny_project.root):
        pass
    tiny_project.write("prepare.py", "open('a.txt', 'w').write('a')\n")
    assert tiny_project.dvc("repro", "prepare").returncode == 0


def test_parameters_make_a_form(server):
    from flows.rebuild import rebuild

    properties = rebuild.parameters.properties
    assert properties["targets"]["type"] == "array" and properties["targets"]["items"] == {"type": "string"}
    assert properties["force"]["type"] == "boolean" and properties["publish"]["default"] is True
    assert all(field.get("description") for field in properties.values())


def test_the_deployment_for_workers_fits_the_flow():
    import yaml
    from prefect.flows import load_flow_from_entrypoint

    deployments = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
    (deployment,) = (each for each in deployments if each["entrypoint"].endswith(":rebuild"))
    flow = load_flow_from_entrypoint(str(PROJECT / deployment["entrypoint"]))
    assert flow.name == "rebuild"
    expected = {"targets": (), "force": False, "publish": True, "root": PROJECT}
    assert flow.validate_parameters(deployment["parameters"]) == expected
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}


def test_a_wrong_folder_is_named(server, tmp_path):
    from flows.rebuild import rebuild

    with pytest.raises(InputError, match="is not a DVC project"):
        rebuild(root=tmp_path)


def await_number(path: Path) -> int:
    """The number in a file that somebody is about to write."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()):
            return int(text)
        time.sleep(0.05)
    raise AssertionError(f"{path} was not written within {PATIENCE_SECONDS:.0f} s")
