"""Publishing: everything is there, whole, and once."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from prefactor.errors import InputError
from prefactor.tracking import publish
from prefactor.tracking.aliases import aliases_of
from prefactor.tracking.runs import KEY
from prefactor.tracking.store import connected

SPLIT_MD5 = "1" * 32 + ".dir"


@pytest.fixture
def workspace(project, published, tmp_path) -> Path:
    """A copy of the published project, to be changed."""
    return shutil.copytree(project, tmp_path / "workspace")


def uri(root: Path) -> str:
    return f"sqlite:///{root.resolve()}/mlruns/mlflow.db"


def runs(root: Path) -> list:
    with connected(root, uri(root)) as client:
        return client.search_runs([client.get_experiment_by_name("prefactor-tiny").experiment_id])


def rewrite_results(root: Path, cell: str, change) -> None:
    from prefactor.evaluation.results import read_results, write_results

    path = root / "reports/evaluation" / cell / "results.parquet"
    rows = read_results(path)
    change(rows)
    write_results(rows, path)


def test_every_training_has_a_run_with_parameters_curves_figures_and_data(project, published):
    assert set(published.added) == {f"tiny: {name} on bert" for name in ("bt/default", "vrf/default", "vrf/wide")}
    assert published.present == published.waiting == ()
    [run] = [run for run in runs(project) if run.data.tags["variant"] == "wide"]
    assert run.info.status == "FINISHED" and run.info.run_name == "vrf/wide on bert"
    assert run.data.params["model.basis.bases"] == "3" and run.data.params["training.epochs"] == "2"
    assert run.data.params["seeds"] == '["0", "1"]' and run.data.params["method"] == "vrf"
    assert run.data.metrics["seed_1/validation_users_accuracy"] == 0.81
    assert run.data.metrics["unseen/accuracy"] == 0.8
    assert run.data.metrics["unseen/accuracy/ci_low"] == pytest.approx(0.75)
    with connected(project, uri(project)) as client:
        curve = client.get_metric_history(run.info.run_id, "seed_0/loss")
        shots = client.get_metric_history(run.info.run_id, "unseen/accuracy/by_shots")
        files = [
            item.path
            for place in ("training", "evaluation", "figures")
            for item in client.list_artifacts(run.info.run_id, place)
        ]
    assert [(point.step, point.value) for point in curve] == [(5, pytest.approx(0.65)), (10, pytest.approx(0.6))]
    assert [point.step for point in shots] == [1, 9]
    assert {"training/history.csv", "evaluation/results.parquet", "figures/training.svg", "figures/few_shot.svg"} < set(
        files
    )
    data = {entry.tags[0].value: entry.dataset for entry in run.inputs.dataset_inputs}
    assert data["split"].digest == SPLIT_MD5 and json.loads(data["split"].source)["dvc_md5"] == SPLIT_MD5
    assert data["prepared"].name == "tiny" and json.loads(data["prepared"].profile)["pairs"] == 9


def test_publishing_again_adds_nothing(workspace):
    before = {run.info.run_id for run in runs(workspace)}
    report = publish(workspace)
    assert report.added == () and len(report.present) == 3
    assert not report.models[0].new and report.models[0].version == "1"
    assert {run.info.run_id for run in runs(workspace)} == before


def test_new_figures_make_a_new_run_and_a_new_version_that_challenges_the_champion(workspace):
    rewrite_results(workspace, "tiny/bert/vrf/wide", lambda rows: rows.__setitem__("value", rows["value"] - 0.1))
    report = publish(workspace)
    assert report.added == ("tiny: vrf/wide on bert",)
    [model] = report.models
    assert (model.version, model.new, model.alias, model.champion) == ("2", True, "challenger", "1")
    again = publish(workspace).models[0]
    assert (again.version, again.new, again.alias) == ("2", False, "challenger")
    with connected(workspace, uri(workspace)) as client:
        assert aliases_of(client, "prefactor-tiny") == {"champion": "1", "challenger": "2"}
        client.delete_registered_model_alias("prefactor-tiny", "champion")
    assert publish(workspace).models[0].alias == "champion", "where nobody is served, the best is"
    with connected(workspace, uri(workspace)) as client:
        assert aliases_of(client, "prefactor-tiny")["champion"] == "2"
        assert "70.0 % [75.0 %" in client.get_model_version("prefactor-tiny", "2").description
    assert len(runs(workspace)) == 4


def test_figures_of_a_baseline_make_no_new_version(workspace):
    rewrite_results(workspace, "tiny/bert/bt/default", lambda rows: rows.__setitem__("value", 0.5))
    report = publish(workspace)
    assert report.added == ("tiny: bt/default on bert",) and not report.models[0].new


def test_figures_of_other_weights_wait(workspace):
    rewrite_results(workspace, "tiny/bert/bt/default", lambda rows: rows.__setitem__("run", "0" * 16))
    shutil.rmtree(workspace / "reports/evaluation/tiny/bert/vrf/wide")
    report = publish(workspace)
    assert set(report.waiting) == {"tiny: bt/default on bert", "tiny: vrf/wide on bert"}
    assert report.models[0].version == "2", "the other VRF is the best of those whose figures are known"


def test_a_failure_half_way_leaves_no_run(workspace, monkeypatch):
    from mlflow import MlflowClient

    before = len(runs(workspace))
    rewrite_results(workspace, "tiny/bert/bt/default", lambda rows: rows.__setitem__("value", 0.5))
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_artifacts", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            publish(workspace)
    assert len(runs(workspace)) == before
    assert publish(workspace).added == ("tiny: bt/default on bert",)


@pytest.mark.parametrize("step", ["log_model_artifacts", "create_model_version"])
def test_a_failure_while_registering_leaves_no_version(workspace, monkeypatch, step):
    from mlflow import MlflowClient

    rewrite_results(workspace, "tiny/bert/vrf/wide", lambda rows: rows.__setitem__("value", 0.5))
    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, step, _interrupt)
        with pytest.raises(KeyboardInterrupt):
            publish(workspace)
    with connected(workspace, uri(workspace)) as client:
        assert len(client.search_model_versions("name = 'prefactor-tiny'")) == 1
    assert publish(workspace).models[0].version == "2"
    with connected(workspace, uri(workspace)) as client:
        models = client.search_logged_models([client.get_experiment_by_name("prefactor-tiny").experiment_id])
    assert [model.status for model in models] == ["READY", "READY"], "one per version: nothing half-made, nothing twice"


def test_what_a_killed_publisher_left_is_made_again(workspace):
    [run, *_] = runs(workspace)
    with connected(workspace, uri(workspace)) as client:
        key, experiment = run.data.tags[KEY], run.info.experiment_id
        client.delete_run(run.info.run_id)
        half = client.create_run(experiment, tags={KEY: key}).info.run_id
        stranger = client.create_run(experiment).info.run_id  # a run of somebody else's is none of our business
    assert len(publish(workspace).added) == 1
    found = {run.info.run_id: run for run in runs(workspace)}
    assert half not in found and stranger in found
    [again] = [run for run in found.values() if run.data.tags.get(KEY) == key]
    assert again.info.status == "FINISHED" and again.data.metrics


def test_states_of_another_backbone_or_missing_ones_are_refused(workspace):
    values = yaml.safe_load((workspace / "params.yaml").read_text())
    values["backbones"]["bert"]["pooling"] = "last"
    (workspace / "params.yaml").write_text(yaml.safe_dump(values))
    rewrite_results(workspace, "tiny/bert/vrf/wide", lambda rows: rows.__setitem__("value", 0.5))
    with pytest.raises(InputError, match="pooling is 'last', trained with 'mean'"):
        publish(workspace)
    shutil.rmtree(workspace / "data/states")
    with pytest.raises(InputError, match="run stage embed"):
        publish(workspace)


def test_a_missing_project_and_a_dead_store_are_said_plainly(project, tmp_path):
    with pytest.raises(InputError, match=r"params\.yaml does not exist"):
        publish(tmp_path)
    with pytest.raises(InputError, match="does not answer"):
        publish(project, "nonsense://nowhere")


def test_nothing_is_written_outside_the_project(workspace, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    values = yaml.safe_load((workspace / "params.yaml").read_text())
    rewrite_results(workspace, "tiny/bert/vrf/wide", lambda rows: rows.__setitem__("value", 0.5))
    assert publish(workspace).models[0].new
    assert list(elsewhere.iterdir()) == []
    assert yaml.safe_load((workspace / "params.yaml").read_text()) == values


def _interrupt(*_, **__):
    raise KeyboardInterrupt
