"""A sweep in MLflow: a run for the whole and one for every trial below it, whole, none twice, none of publishing's."""

import shutil
from pathlib import Path

import pytest

from prefactor.sweeping.outcome import Outcome, Point, State, complete
from prefactor.sweeping.settings import SweepSettings
from prefactor.sweeping.users import Users
from prefactor.tracking.runs import remove_unfinished
from prefactor.tracking.store import KIND, TRAINING, connected, experiment
from prefactor.tracking.sweeps import BEST, PARENT, REASON, STATE, TRIAL, Ended, show_sweep

SETTINGS = SweepSettings(
    "world", "tiny", "bt", "default", "tpe", (0, 1), "median", (1, 3), 1, {"training": {}}, {"a": [1, 2]}, "0123"
)
USERS = Users((0.7, 0.8), (0.5, 0.6), 1, 16)
CURVE = tuple(Point(0, step, 0, "model", 0.5 + step / 10, 0.7) for step in (1, 2))
OUTCOMES = [
    complete(0, {}, {"0": {"seen": 0.7, "1": 0.5, "mean": 0.6}, "1": {"seen": 0.8, "1": 0.6, "mean": 0.7}}, [USERS]),
    Outcome(1, State.PRUNED, {"a": 2, "b.c": None}, curve=CURVE, seconds=3.5, reason="others did better"),
    Outcome(2, State.FAILED, {"a": 1}, reason="out of memory"),
]


@pytest.fixture
def store(project: Path, published: object, tmp_path: Path) -> tuple[Path, str]:
    shutil.copy(project / "mlruns" / "mlflow.db", tmp_path)  # making a store anew takes seconds
    return tmp_path, f"sqlite:///{tmp_path}/mlflow.db"


def runs(root: Path, uri: str) -> tuple[object, list]:
    with connected(root, uri) as client:
        found = client.search_runs([experiment(client, "world")])
        assert remove_unfinished(client, experiment(client, "world")) == 0  # publishing leaves them alone
    parents = [run for run in found if PARENT not in run.data.tags]
    assert len(parents) == 1
    return parents[0], sorted((run for run in found if PARENT in run.data.tags), key=lambda r: int(r.data.tags[TRIAL]))


def test_trials_are_shown_below_their_sweep_and_none_twice(store: tuple[Path, str], tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("<p>seen</p>")
    assert show_sweep(*store, "first", SETTINGS, OUTCOMES[:1]).added == 1
    again = show_sweep(*store, "first", SETTINGS, OUTCOMES, ended=Ended.FINISHED, files=[report])
    assert again.added == 2 and again.page.endswith(again.run_id)
    assert show_sweep(*store, "first", SETTINGS, OUTCOMES, ended=Ended.FINISHED, files=[report]).added == 0
    parent, children = runs(*store)
    assert parent.info.run_id == again.run_id and parent.info.status == "FINISHED"
    assert parent.data.params["how"] == "tpe" and parent.data.tags[BEST] == "0"
    assert parent.data.metrics["best_score"] == pytest.approx(0.65) and parent.data.metrics["trials/failed"] == 1
    assert [child.info.status for child in children] == ["FINISHED", "KILLED", "FAILED"]
    assert [child.data.tags[STATE] for child in children] == ["complete", "pruned", "failed"]
    metrics = children[0].data.metrics
    assert metrics["seed_1/accuracy/seen"] == 0.8 and (metrics["users"], metrics["pairs"]) == (4, 16)
    assert metrics["score_ci_low"] == USERS.interval.low < metrics["score_ci_high"] == USERS.interval.high
    assert children[1].data.params == {"a": "2", "b.c": "null"}
    assert children[2].data.tags[REASON] == "out of memory"
    with connected(*store) as client:
        points = client.get_metric_history(children[1].info.run_id, "validation/accuracy")
        assert [(point.step, point.value) for point in points] == [(1, 0.6), (2, 0.7)]
        assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["report.html"]


def test_what_a_kill_left_half_made_is_made_again(store: tuple[Path, str]) -> None:
    run_id = show_sweep(*store, "first", SETTINGS, OUTCOMES[:1]).run_id
    with connected(*store) as client:
        client.create_run(experiment(client, "world"), tags={PARENT: run_id, TRIAL: "1"})
    assert show_sweep(*store, "first", SETTINGS, OUTCOMES[:2]).added == 1
    parent, children = runs(*store)
    assert parent.info.status == "RUNNING" and [child.info.status for child in children] == ["FINISHED", "KILLED"]


def test_sweeps_of_other_names_are_others(store: tuple[Path, str]) -> None:
    assert len({show_sweep(*store, name, SETTINGS, []).run_id for name in ("first", "second", "first")}) == 2


@pytest.mark.parametrize("ended", [Ended.FAILED, Ended.KILLED])
def test_a_sweep_that_did_not_finish_is_shown_so(store: tuple[Path, str], ended: Ended) -> None:
    show_sweep(*store, "first", SETTINGS, OUTCOMES[:1], ended=ended)
    parent, _ = runs(*store)
    assert parent.info.status == ended.value


def test_experiments_are_shown_as_model_training_unless_a_person_says_else(store: tuple[Path, str]) -> None:
    with connected(*store) as client:

        def kind() -> str:
            return client.get_experiment(experiment(client, "world")).tags[KIND]

        assert kind() == TRAINING
        number = experiment(client, "world")
        client.set_experiment_tag(number, KIND, "genai_development_inferred")  # as the browser guesses
        assert kind() == TRAINING
        client.set_experiment_tag(number, KIND, "genai_development")
        assert kind() == "genai_development"
        old = client.create_experiment("prefactor-old")  # before there was such a tag
        assert client.get_experiment(experiment(client, "old")).tags[KIND] == TRAINING and old
