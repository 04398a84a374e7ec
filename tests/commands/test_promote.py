"""`prefactor promote` and `prefactor rollback` as somebody types them: what they print and how they end."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from prefactor.cli import app
from prefactor.tracking.aliases import aliases_of, point
from prefactor.tracking.store import client_of
from tests.promotion.project import BETTER, DATASET, NAME, WORSE, add_model, moved, published, write_parameters


@pytest.fixture(autouse=True)
def _no_store_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 is served; version 2 is worse and version 3 better."""
    from prefactor.tracking import publish

    root = moved(tmp_path_factory.mktemp("several") / "project", published(tmp_path_factory.getbasetemp()))
    for variant, reward, validated in (("worse", WORSE, 0.9), ("better", BETTER, 0.95)):
        add_model(root, variant, reward, validated)
        publish(root)
    return root


@pytest.fixture
def root(project: Path, tmp_path: Path) -> Path:
    return moved(tmp_path / "project", project)


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(each) for each in arguments])
    return done.exit_code, done.output


def test_promoted_and_rolled_back(root, tmp_path):
    status, said = run("promote", "--root", root, "--out", tmp_path / "out")
    assert status == 0 and said.startswith("prefactor-tiny: version 3 promoted, in place of version 1\n"), said
    assert "  unseen accuracy  passed        +" in said and "MLflow run: " in said
    told = json.loads((tmp_path / "out/decision.json").read_text())
    assert told["outcome"] == "promoted" and told["run_id"] in said
    assert (tmp_path / "out/decision.md").is_file() and (tmp_path / "out/gates.parquet").is_file()
    status, said = run("rollback", "--root", root)
    assert status == 0 and said.startswith("prefactor-tiny: rolled back to version 1, from version 3\n")
    assert run("promote", "--root", root) == (
        1,
        "prefactor: prefactor-tiny has no @challenger; it has the versions 1, 2, 3, @champion, @previous: "
        "publish a model, or name another\n",
    )


def test_a_refusal_ends_with_a_status_of_its_own(root):
    status, said = run("promote", "--dataset", DATASET, "--challenger", "2", "--root", root)
    assert status == 3 and said.startswith("prefactor-tiny: version 2 refused, version 1 is still served\n")
    assert "  unseen accuracy  failed        -" in said
    status, said = run("rollback", "--root", root)
    assert status == 1 and "nothing to roll back to" in said


def test_a_dry_run_says_what_would_be(root):
    status, said = run("promote", "--dry-run", "--root", root)
    assert status == 0 and "It would be promoted. Nothing was changed or recorded." in said
    assert said.startswith("prefactor-tiny version 3, against version 1:\n") and "MLflow run" not in said


def test_which_dataset_is_meant(tmp_path):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"run": {"datasets": ["a", "b"]}}))
    assert run("rollback", "--root", tmp_path)[1] == (
        "prefactor: the run has 2 datasets (a, b): name one with --dataset\n"
    )
    write_parameters(tmp_path)
    assert "there is no registered model prefactor-tiny" in run("rollback", "--root", tmp_path)[1]


@pytest.mark.parametrize("command", ["promote", "rollback"])
def test_where_it_cannot_be_left_nothing_is_decided(command, root, tmp_path):
    client = client_of(f"sqlite:///{root}/mlruns/mlflow.db")
    if command == "rollback":
        point(client, NAME, {"previous": "2"})
    before = aliases_of(client, NAME)
    (tmp_path / "out").write_text("a file")
    status, said = run(command, "--root", root, "--out", tmp_path / "out")
    assert status == 1 and said.startswith(f"prefactor: cannot write {tmp_path / 'out'} (")
    assert aliases_of(client, NAME) == before


def test_a_rollback_is_left_too(root, tmp_path):
    point(client_of(f"sqlite:///{root}/mlruns/mlflow.db"), NAME, {"previous": "2"})
    assert run("rollback", "--root", root, "--out", tmp_path / "made" / "out")[0] == 0
    told = json.loads((tmp_path / "made/out/decision.json").read_text())
    assert (told["outcome"], told["before"], told["after"]) == ("rolled back", "1", "2")
