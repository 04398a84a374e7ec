"""Where a project keeps things, and whose dataset a file is about."""

from pathlib import Path, PurePosixPath

import pytest
import yaml

from prefactor.errors import InputError
from prefactor.forgetting.workspace import Workspace, dataset_of, is_output, walk, workspaces


@pytest.mark.parametrize(
    ("path", "dataset"),
    [
        ("data/prepared/talks/pairs.parquet", "talks"),
        ("data/prepared/.talks.tmp-x1y2z3w4/pairs.parquet", "talks"),
        ("data/states/talks/minilm/shards/00000.npy", "talks"),
        ("models/talks/minilm/bt/default/seed-0/users.json", "talks"),
        ("models/bases/talks/minilm/bt/default/training.json", "talks"),
        ("reports/evaluation/talks/minilm/bt/default/users.parquet", "talks"),
        ("mlruns/artifacts/prefactor-talks/1/artifacts/evaluation/users.parquet", "talks"),
        ("data/adapted/talks/part-00000.parquet", "talks"),
        ("data/adapted/.talks.parts/0123/part-00000.parquet", "talks"),
        ("data/sweeps/try/report.html", None),
        ("reports/index.html", None),
        ("reports/search/bt/configurations.csv", None),
        ("mlruns/mlflow.db", None),
        ("data/prepared", None),
        ("models/bases", None),
        ("models/adapters/stylelm/dpo/0/about.json", None),
        ("models/adapters", None),
        ("reports/evaluation/scorers/stylelm/results.parquet", None),
        ("data/likelihoods/stylelm/part-00000.parquet", None),
        (".prefect/prefect.db", None),
    ],
)
def test_the_dataset_of_a_path(path: str, dataset: str | None) -> None:
    assert dataset_of(PurePosixPath(path)) == dataset


def test_inputs_are_their_owners_wherever_they_lie(tmp_path: Path) -> None:
    for name in ("data/raw/mine.jsonl", "data/prepared/mine/pairs.parquet", "reports/index.html", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    datasets = {"mine": {"input": "data/raw"}, "made": {"source": "stylebench"}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"datasets": datasets}))
    place = workspaces(tmp_path)[0]
    assert place.inputs() == {"mine": tmp_path / "data" / "raw"}
    assert [place.relative(path).as_posix() for path in place.files()] == [
        "data/prepared/mine/pairs.parquet",
        "reports/index.html",
    ]


def test_user_stores_are_not_searched_but_what_lies_beside_them_is(tmp_path: Path) -> None:
    (tmp_path / "data" / "online").mkdir(parents=True)
    for name in ("talks.db", "talks.db-wal", "talks.db.lock", "keys", "pool.parquet"):
        (tmp_path / "data" / "online" / name).touch()
    found = Workspace(tmp_path, tmp_path).files()
    assert [path.name for path in found] == ["keys", "pool.parquet", "talks.db.lock"]


def test_linked_folders_are_walked_once(tmp_path: Path) -> None:
    (tmp_path / "big" / "states").mkdir(parents=True)
    (tmp_path / "big" / "states" / "file").touch()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "states").symlink_to(tmp_path / "big" / "states")
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "dangling").symlink_to(tmp_path / "nowhere")
    assert [path.relative_to(tmp_path).as_posix() for path in walk(tmp_path / "data")] == ["data/states/file"]


def test_studies_that_hold_something_are_searched_too(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("{}")
    for study in ("full", "empty"):
        (tmp_path / "studies" / study).mkdir(parents=True)
    (tmp_path / "studies" / "full" / "data").mkdir()
    assert [place.root for place in workspaces(tmp_path)] == [tmp_path, tmp_path / "studies" / "full"]


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither params.yaml nor dvc.yaml"):
        workspaces(tmp_path)


@pytest.mark.parametrize(
    ("path", "made"),
    [
        ("data/prepared/talks/pairs.parquet", True),
        ("models/talks/minilm/bt/default/seed-0/users.json", True),
        ("models/bases/talks/minilm/bt/default/training.json", True),
        ("data/adapted/talks/part-00000.parquet", True),
        ("data/sweeps/try/study.db", True),
        ("data/online/keys", False),
        ("reports/index.html", True),
        ("reports/.index.html.x1y2z3", True),
        ("reports/search/bt/configurations.csv", True),
        ("data/judgements/ab/abcd.json", True),
        ("data/likelihoods/stylelm/small/.part-00000.parquet.x1y2z3", True),
        ("models/adapters/stylelm/reward/scores/abcd.json", True),
        ("reports/evaluation/scorers/stylelm/results.parquet", True),
        ("reports/generation/stylelm/index.html", True),
        ("reports/texts/stylelm/.drift.x1y2z3/texts.parquet", True),
        ("data/raw/survey.jsonl", False),
        ("data/prepared/README.md", False),
        ("models/README.md", False),
        ("models/talks/notes.txt", False),
        ("models/bases/talks/minilm/bt/notes.txt", False),
        ("reports/letter.html", False),
        ("reports/evaluation/README.md", False),
        ("mlruns/artifacts/my-own/1/artifacts/users.json", False),
        (".dvc/tmp/log", False),
    ],
)
def test_what_the_pipeline_makes_is_told_from_what_lies_beside_it(path: str, made: bool) -> None:
    assert is_output(PurePosixPath(path)) == made
