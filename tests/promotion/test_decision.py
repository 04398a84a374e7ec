"""Decisions one at a time: what waits, what no longer fits, and what DVC knows of them."""

import subprocess
import sys
from pathlib import Path

import pytest

from prefactor.errors import InputError
from prefactor.promotion import promoting
from prefactor.promotion.decision import OUTCOME, PROMOTED, complete
from prefactor.promotion.promoting import promote
from prefactor.promotion.rollback import rollback
from prefactor.tracking.aliases import aliases_of, point
from prefactor.tracking.store import client_of
from tests.promotion.killing import killed_before_write, started, waited_for
from tests.promotion.project import DATASET, NAME
from tests.promotion.test_killed import DECIDED, check_promoted


def client(root: Path):
    return client_of(f"sqlite:///{root}/mlruns/mlflow.db")


def decisions(root: Path) -> list:
    experiment = client(root).get_experiment_by_name("prefactor-tiny-decisions")
    return client(root).search_runs([experiment.experiment_id])


def stop_promotion(root: Path, step: int) -> None:
    """Kill it when its decision is whole, and not carried out."""
    assert killed_before_write(step, lambda: promote(root, DATASET))
    [run] = decisions(root)
    assert run.data.tags[OUTCOME] == PROMOTED and run.info.status == "RUNNING"


def test_of_two_at_once_one_promotes_and_the_other_finds_nobody_to_promote(workspace, tmp_path):
    def work(number: int):
        def promoted() -> None:
            try:
                said = promote(workspace, DATASET).outcome
            except InputError as error:
                said = str(error)
            (tmp_path / f"{number}.txt").write_text(said)

        return promoted

    for process in [started(work(number)) for number in range(2)]:
        assert not waited_for(process)
    said = sorted((tmp_path / f"{number}.txt").read_text() for number in range(2))
    assert "has no @challenger" in said[0] and said[1] == PROMOTED
    check_promoted(workspace)


def test_a_champion_that_moves_while_models_are_judged_is_noticed(workspace, monkeypatch):
    judge = promoting.gather

    def meanwhile(*arguments):
        point(client(workspace), NAME, {"champion": "2"})
        return judge(*arguments)

    monkeypatch.setattr(promoting, "gather", meanwhile)
    with pytest.raises(InputError, match="version 2 became @champion meanwhile: promote again"):
        promote(workspace, DATASET)
    assert aliases_of(client(workspace), NAME) == {"champion": "2", "challenger": "2"}


def test_a_split_made_anew_while_models_are_judged_is_noticed(workspace, monkeypatch):
    from prefactor.promotion import evidence
    from tests.promotion.project import split

    judge = evidence.race

    def meanwhile(*arguments):
        split(workspace, seed=9)
        return judge(*arguments)

    monkeypatch.setattr(evidence, "race", meanwhile)
    with pytest.raises(InputError, match="the split of tiny was made anew while the models were judged"):
        promote(workspace, DATASET)


def test_a_decision_that_no_longer_fits_is_dropped(workspace):
    """It was stopped before any alias moved, and then somebody moved @champion by hand."""
    stop_promotion(workspace, DECIDED)
    client(workspace).create_model_version(NAME, "file:///nowhere")
    point(client(workspace), NAME, {"champion": "3"})
    assert complete(client(workspace), workspace, DATASET) == []
    assert decisions(workspace) == [] and aliases_of(client(workspace), NAME)["champion"] == "3"


@pytest.mark.parametrize("deleted", ["the challenger", "the model"])
def test_a_decision_about_what_was_deleted_since_is_dropped(workspace, deleted):
    stop_promotion(workspace, DECIDED)
    if deleted == "the model":
        client(workspace).delete_registered_model(NAME)
    else:
        client(workspace).delete_model_version(NAME, "2")
    for decided in (promote, rollback):
        with pytest.raises(InputError, match=r"has no @challenger|nothing to roll back to|no registered model"):
            decided(workspace, DATASET)
    assert decisions(workspace) == []


def test_without_the_version_before_a_promotion_is_completed(workspace):
    """It was stopped after @champion had moved, and then somebody deleted what was served before."""
    stop_promotion(workspace, DECIDED + 2)
    client(workspace).delete_model_version(NAME, "1")
    [done] = complete(client(workspace), workspace, DATASET)
    assert done.outcome == PROMOTED and [run.info.status for run in decisions(workspace)] == ["FINISHED"]
    assert aliases_of(client(workspace), NAME) == {"champion": "2"}


@pytest.mark.system
def test_dvc_finds_the_promoted_model(workspace):
    """A user commits and tags what promotion wrote, as DVC's model registry asks."""
    promote(workspace, DATASET)
    (workspace / ".dvc").mkdir()
    (workspace / ".dvc/config").write_text("[core]\n    analytics = false\n")
    for command in (
        "init -q",
        "add dvc.yaml registry .dvc",
        "commit -q -m promoted",
        "tag -a registry=prefactor-tiny@v2.0.0 -m two",
    ):
        identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
        subprocess.run(["git", *identity, *command.split()], cwd=workspace, check=True)
    tags = client(workspace).get_model_version(NAME, "2").tags
    asked = "import sys; from dvc.api import artifacts_show; print(artifacts_show(sys.argv[1], repo='.')['path'])"
    command = [sys.executable, "-c", asked, tags["dvc.artifact"]]  # imported here, DVC would keep the streams
    shown = subprocess.run(command, cwd=workspace, check=True, capture_output=True, text=True).stdout.strip()
    assert shown == tags["dvc.path"] == "models/tiny/bert/vrf/other/seed-0"
