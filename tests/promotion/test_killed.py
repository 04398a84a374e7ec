"""Killed outright at any write, publishing and promotion go on where they were: nothing lost, nothing twice."""

import random
from pathlib import Path

import pytest
import yaml

from prefactor.promotion.decision import PROMOTED, ROLLED_BACK, complete
from prefactor.promotion.loading import load_version
from prefactor.promotion.promoting import promote
from prefactor.promotion.rollback import rollback
from prefactor.tracking import publish
from prefactor.tracking.aliases import aliases_of
from prefactor.tracking.store import client_of
from tests.promotion.killing import killed_after, killed_before_write
from tests.promotion.project import BETTER, DATASET, NAME, add_model, moved

ENOUGH = 40  # writes: none of the three has as many
# Of a promotion: create the experiment, say what kind it is, create the run, log figures, log files, say that it is
# decided, then move @previous and @champion, take @challenger away, and finish the run.
DECIDED = 6


def store(root: Path):
    return client_of(f"sqlite:///{root}/mlruns/mlflow.db")


def check_decided(root: Path, outcome: str, champion: str, others: dict[str, str]) -> None:
    """One finished decision and no other, the aliases and DVC's artifact as it says, and a model that loads."""
    client = store(root)
    assert aliases_of(client, NAME) == {"champion": champion, **others}
    runs = client.search_runs([client.get_experiment_by_name("prefactor-tiny-decisions").experiment_id])
    [last] = [run for run in runs if run.data.tags.get("prefactor.decision") == outcome]
    assert all(run.info.status == "FINISHED" for run in runs) and last.data.tags["prefactor.after"] == champion
    entry = yaml.safe_load((root / "registry/dvc.yaml").read_text())["artifacts"][NAME]
    assert entry["meta"]["version"] == int(champion)
    assert load_version(client, NAME).version == champion


def check_promoted(root: Path) -> None:
    check_decided(root, PROMOTED, "2", {"previous": "1"})


@pytest.mark.parametrize("step", [DECIDED + 3])
def test_a_killed_promotion_is_completed_by_the_next(workspace, step):
    assert killed_before_write(step, lambda: promote(workspace, DATASET))
    served = aliases_of(store(workspace), NAME)["champion"]
    decision = promote(workspace, DATASET)
    assert (decision.outcome, decision.before, decision.after) == (PROMOTED, "1", "2")
    assert decision.completed == (step >= DECIDED), "what was decided is not measured again"
    assert served == ("2" if step > DECIDED + 1 else "1"), "@champion moves after @previous"
    check_promoted(workspace)


def test_a_rollback_completes_a_killed_promotion_and_takes_it_back(workspace):
    """After @previous, before @champion: what is served has not changed, and is not lost."""
    assert killed_before_write(DECIDED + 1, lambda: promote(workspace, DATASET))
    assert aliases_of(store(workspace), NAME) == {"champion": "1", "previous": "1", "challenger": "2"}
    assert rollback(workspace, DATASET).after == "1"
    check_decided(workspace, ROLLED_BACK, "1", {"previous": "2"})


def test_a_killed_rollback_is_completed_and_not_taken_back(workspace):
    promote(workspace, DATASET)
    assert killed_before_write(3, lambda: rollback(workspace, DATASET))
    decision = rollback(workspace, DATASET)
    assert decision.completed and decision.after == "1"
    check_decided(workspace, ROLLED_BACK, "1", {"previous": "2"})


def check_published(root: Path) -> None:
    """Two trainings, two runs, two versions, two whole models."""
    client = store(root)
    experiment = client.get_experiment_by_name(NAME).experiment_id
    runs = client.search_runs([experiment])
    assert sorted(run.data.tags["variant"] for run in runs) == ["default", "other"]
    assert all(run.info.status == "FINISHED" and run.data.metrics for run in runs)
    assert [model.status for model in client.search_logged_models([experiment])] == ["READY", "READY"]
    assert aliases_of(client, NAME) == {"champion": "1", "challenger": "2"}
    assert sorted(int(version.version) for version in client.search_model_versions(f"name = '{NAME}'")) == [1, 2]
    assert load_version(client, NAME, "challenger").run_id in {run.info.run_id for run in runs}


@pytest.fixture
def unpublished(project, tmp_path) -> Path:
    """A better model that is not published yet."""
    root = moved(tmp_path / "project", project)
    add_model(root, "other", BETTER, 0.9)
    return root


@pytest.mark.parametrize("step", [14])
def test_a_killed_publisher_loses_and_doubles_nothing(unpublished, step):
    assert killed_before_write(step, lambda: publish(unpublished))
    publish(unpublished)
    check_published(unpublished)


@pytest.mark.system
def test_at_every_write_of_a_promotion(challenged, tmp_path):
    for step in range(ENOUGH):
        root = moved(tmp_path / str(step), challenged)
        if not killed_before_write(step, lambda root=root: promote(root, DATASET)):
            break
        assert promote(root, DATASET).outcome == PROMOTED
        check_promoted(root)
    assert DECIDED + 4 <= step < ENOUGH - 1


@pytest.mark.system
def test_at_every_write_of_a_rollback(challenged, tmp_path):
    first = moved(tmp_path / "first", challenged)
    assert not killed_before_write(ENOUGH, lambda: promote(first, DATASET))
    for step in range(ENOUGH):
        root = moved(tmp_path / str(step), first)
        if not killed_before_write(step, lambda root=root: rollback(root, DATASET)):
            break
        assert rollback(root, DATASET).after == "1"
        check_decided(root, ROLLED_BACK, "1", {"previous": "2"})
    assert 4 <= step < ENOUGH - 1


@pytest.mark.system
def test_at_every_write_of_a_publisher(project, tmp_path):
    for step in range(ENOUGH):
        root = moved(tmp_path / str(step), project)
        add_model(root, "other", BETTER, 0.9)
        if not killed_before_write(step, lambda root=root: publish(root)):
            break
        publish(root)
        check_published(root)
    assert 8 <= step < ENOUGH - 1


def promoted_once(root: Path) -> None:
    """Promote, unless the last call was through but for its end."""
    if aliases_of(store(root), NAME) != {"champion": "2", "previous": "1"}:
        promote(root, DATASET)
    else:
        complete(store(root), root, DATASET)


@pytest.mark.system
@pytest.mark.parametrize("seed", range(12))
def test_at_random_moments_again_and_again(unpublished, seed):
    """Published, promoted and rolled back, each begun and killed until it is through."""
    draw = random.Random(seed)
    for work in (publish, promoted_once):
        seconds = draw.uniform(0.05, 0.3)
        while killed_after(seconds, lambda work=work: work(unpublished)):
            seconds *= draw.uniform(1.2, 1.6)
        if work is publish:
            check_published(unpublished)
    check_promoted(unpublished)
