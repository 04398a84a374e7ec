"""What is offered on the Prefect page, from `make serve-flows` and to work pools: forms that explain themselves."""

from pathlib import Path

import pytest
import yaml
from prefect.utilities.callables import parameter_schema

from flows.deployments import OFFERED, deployments, summary

PROJECT = Path(__file__).resolve().parents[2]


def test_work_pools_are_offered_the_same_flows_as_many_at_once():
    written = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
    limits = {each["entrypoint"]: each["concurrency_limit"]["limit"] for each in written}
    assert limits == {offered.entrypoint: offered.at_once for offered in OFFERED}


def test_every_flow_is_a_deployment_of_this_machine():
    assert [made.flow_name for made in deployments()] == [offered.flow.name for offered in OFFERED]


def test_forms_begin_with_what_the_project_runs(tmp_path):
    run = {"datasets": ["tiny", "other"], "backbones": ["random"]}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"run": run}))
    found = {made.flow_name: made.parameters for made in deployments(tmp_path)}
    assert found["sweep"] == found["embed"] == {"dataset": "tiny", "backbone": "random"}
    assert found["adapt-users"] == found["promote"] == {"dataset": "tiny"} and found["rebuild"] == {}


@pytest.mark.parametrize("offered", OFFERED, ids=lambda offered: offered.entrypoint)
def test_a_form_says_what_every_field_is_and_needs_none_that_it_cannot_guess(offered):
    schema = parameter_schema(offered.flow)
    for name, field in schema.properties.items():
        assert "description" in field or "$ref" in str(field), f"{name} is not described"
    assert set(schema.required) <= {"source"}, "a form should work as it stands"
    assert summary(offered.flow) and "Args" not in summary(offered.flow)
