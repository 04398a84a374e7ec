"""The flow `promote` on a real Prefect server: its artifacts, and how it ends."""

import json
from pathlib import Path

import pytest

from tests.promotion.project import DATASET, NAME, challenged, moved


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One model is served and a better one challenges it."""
    return moved(tmp_path_factory.mktemp("flow") / "project", challenged(tmp_path_factory.getbasetemp()))


@pytest.fixture(autouse=True)
def _no_store_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def artifacts(state) -> dict[str, dict]:
    """The artifacts of one run by key."""
    from prefect.client.orchestration import get_client

    mine = {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}
    with get_client(sync_client=True) as client:
        found = client.request("POST", "/artifacts/filter", json={"artifacts": mine}).raise_for_status().json()
    return {artifact["key"]: artifact for artifact in found}


def test_a_promotion_leaves_its_gates_and_its_page(server, project):
    from flows.promote import promote
    from prefactor.tracking.aliases import aliases_of
    from prefactor.tracking.store import client_of

    state = promote(dataset=DATASET, root=project, return_state=True)
    assert state.is_completed() and state.name == "Promoted", state.message
    assert state.message == f"{NAME}: version 2 promoted, in place of version 1"
    left = artifacts(state)
    gates = {row["gate"]: row for row in json.loads(left["promote-gates"]["data"])}
    assert len(gates) == 6 and {row["verdict"] for row in gates.values()} == {"passed"}
    assert "| unseen accuracy | passed |" in left["promote-decision"]["data"]
    assert "known by 1 pair" in left["promote-slices"]["data"]
    client = client_of(f"sqlite:///{project}/mlruns/mlflow.db")
    assert aliases_of(client, NAME) == {"champion": "2", "previous": "1"}


@pytest.mark.system
def test_a_rollback_leaves_its_artifact(server, project, tmp_path):
    from flows.promote import promote
    from prefactor.tracking.aliases import aliases_of, point
    from prefactor.tracking.store import client_of

    root = moved(tmp_path / "project", project)
    client = client_of(f"sqlite:///{root}/mlruns/mlflow.db")
    point(client, NAME, {"champion": "2", "previous": "1"})
    state = promote(dataset=DATASET, rollback=True, root=root, return_state=True)
    assert state.is_completed() and state.name == "Rolled back", state.message
    assert state.message == f"{NAME}: rolled back to version 1, from version 2"
    assert artifacts(state)["promote-decision"]["data"] == f"# {state.message}\n"
    assert {name: aliases_of(client, NAME)[name] for name in ("champion", "previous")} == {
        "champion": "1",
        "previous": "2",
    }


@pytest.mark.system
def test_a_refusal_is_no_failure(server, tmp_path_factory):
    from flows.promote import promote

    root = challenged(tmp_path_factory.getbasetemp(), better=False)
    project = moved(tmp_path_factory.mktemp("refused") / "project", root)
    state = promote(dataset=DATASET, root=project, return_state=True)
    assert state.is_completed() and state.name == "Refused", state.message
    assert state.message == f"{NAME}: version 2 refused, version 1 is still served"
    left = artifacts(state)
    assert "failed" in {row["verdict"] for row in json.loads(left["promote-gates"]["data"])}
    assert "| unseen accuracy | failed |" in left["promote-decision"]["data"]


def test_what_contradicts_itself_is_not_begun(server, tmp_path):
    from flows.promote import promote

    state = promote(dataset=DATASET, dry_run=True, rollback=True, root=tmp_path, return_state=True)
    assert state.is_failed() and "choose rollback or dry_run, not both" in state.message


@pytest.mark.system
def test_where_nothing_can_be_decided_the_flow_fails_with_the_reason(server, project):
    from flows.promote import promote

    state = promote(dataset=DATASET, challenger="9", root=project, return_state=True)
    assert state.is_failed() and "has no version 9" in state.message
    assert "one that is recorded already is, by the next promotion or rollback" in state.message


def test_the_form_has_defaults_for_everything():
    from flows.promote import promote

    properties = promote.parameters.model_dump()["properties"]
    assert properties["dataset"]["default"] == "stylebench" and properties["challenger"]["default"] == "challenger"
    assert (
        all(properties[name]["type"] == "boolean" for name in ("dry_run", "rollback"))
        and not promote.parameters.required
    )
