"""Forgetting people in a real pipeline: made by DVC, published to MLflow, forgotten, made again without them."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prefactor.backbones import open_states
from prefactor.forgetting.forgetting import Report, forget
from prefactor.methods.storage import load_users
from prefactor.preferences import content_id
from tests.stages.conftest import Project, make_project, tiny_parameters

DATASET = "mine"
METHODS = ("lore", "vrf")  # one has a row of weights for every user, of the other a packed model is registered
TARGETS = [f"evaluate@{DATASET}-minilm-{method}-default" for method in METHODS] + [f"portrait@{DATASET}-minilm"]


def parameters() -> dict:
    """The user's own file alone is trained on: its texts are one rater's each, who is called `rater 3` and the like."""
    values = tiny_parameters()
    values["run"] |= {"datasets": [DATASET], "methods": list(METHODS), "seeds": [0]}
    values["datasets"] = {DATASET: values["datasets"][DATASET]}
    values["datasets"][DATASET]["split"] = {
        "leakage": "within-user",
        "users": {"seen": 5, "validation": 2, "unseen": 3},
        "pairs": {"train": 6, "validation": 2, "evaluation": 3, "reference": 6},
        "pools": {"train": 0.5, "validation": 0.2, "evaluation": 0.3},
    }
    model = {"basis": {"form": "linear", "bases": 4}}
    training = values["methods"]["vrf"]["default"]["training"]
    values["methods"]["lore"] = {"default": {"model": model, "basis_training": None, "training": {**training}}}
    values["evaluation"] = {"shots": [1], "draws": 0, "doubts": [1], "recovery": [1]}
    return values


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Trained, judged and published."""
    project = make_project(tmp_path_factory.mktemp("made"), parameters(), TARGETS)
    project.run("stages.publish", "--tracking-uri", f"sqlite:///{project.folder}/mlruns/mlflow.db")
    return project


@pytest.fixture(scope="module")
def people(made: Project) -> dict[str, str]:
    """One user of each role."""
    users = pd.read_parquet(made.folder / "data" / "split" / DATASET / "users.parquet")
    return {role: rows["user_id"].min() for role, rows in users.groupby("role")}


@pytest.fixture(scope="module")
def traces(made: Project, people: dict[str, str]) -> set[str]:
    """What a seen and an unseen user can be found by, from the tables as they were: raters' texts are their own."""
    pairs = pd.read_parquet(made.folder / "data" / "prepared" / DATASET / "pairs.parquet")
    users = {people["seen"], people["unseen"]}
    mine = pairs[pairs["user_id"].isin(users)]
    columns = ("pair_id", "chosen", "rejected", "group_id")
    others = {value for column in columns for value in pairs.loc[~pairs["user_id"].isin(users), column]}
    return users | {value for column in columns for value in mine[column]} - others


@pytest.fixture(scope="module")
def reports(made: Project, people: dict[str, str], before: Project) -> dict[str, Report]:
    """Both are forgotten, after a copy of the project was made."""
    return {role: forget(made.folder, people[role]) for role in ("seen", "unseen")}


@pytest.fixture(scope="module")
def before(made: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project as it was."""
    folder = tmp_path_factory.mktemp("before") / "project"
    shutil.copytree(made.folder, folder, symlinks=True)
    return Project(folder)


def holding(folder: Path, names: set[str]) -> list[str]:
    """Files that hold any of these, by a scan of its own; the input, the list of digests and code are no outputs."""
    own = ("mine.jsonl", "forgotten.json", "prefactor", "stages")
    files = [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder).parts[0] not in own]
    return [str(path.relative_to(folder)) for path in files if any(_values(path, names))]


def _values(path: Path, names: set[str]) -> Iterator[str]:
    data = path.read_bytes()
    if data.startswith(b"PAR1"):
        table = pd.read_parquet(path)
        yield from (value for column in table for value in table[column].map(str) if value in names)
        return
    hashes = [name for name in names if len(name) == 32]
    raters = [f'"{name}"' for name in names if len(name) < 32]
    yield from (name for name in [*hashes, *raters] if name.encode() in data)


def test_before_they_are_all_over_the_place(before: Project, traces: set[str]) -> None:
    found = holding(before.folder, traces)
    data = ("data/prepared", "data/split", "data/states", "data/surface")
    for place in (*data, "models", "reports/evaluation", "mlruns", ".dvc/cache/files"):
        assert any(name.startswith(place) for name in found), place


def test_afterwards_they_are_nowhere(made: Project, reports: dict[str, Report], traces: set[str]) -> None:
    assert holding(made.folder, traces) == []
    assert not any(report.left for report in reports.values())
    assert "rater" not in (made.folder / "forgotten.json").read_text()


def test_versions_that_show_them_without_a_name_are_gone(
    before: Project, made: Project, reports: dict[str, Report]
) -> None:
    """Tensors beside a list of users, a portrait's space: of each old version DVC's cache has nothing any more."""
    assert reports
    for pattern in (f"models/{DATASET}/**/users.safetensors", f"reports/portrait/{DATASET}/**/*.parquet"):
        for path in before.folder.glob(pattern):
            name = hashlib.md5(path.read_bytes()).hexdigest()
            objects = (each.folder / ".dvc/cache/files/md5" / name[:2] / name[2:] for each in (before, made))
            assert [each.exists() for each in objects] == [True, False], path


def test_others_states_and_posteriors_are_what_they_were(
    before: Project, made: Project, reports: dict[str, Report], people: dict[str, str]
) -> None:
    lost = {people["seen"], people["unseen"]}
    pairs = pd.read_parquet(before.folder / "data/prepared" / DATASET / "pairs.parquet")
    left = pd.read_parquet(made.folder / "data/prepared" / DATASET / "pairs.parquet")
    others = pairs[~pairs["user_id"].isin(lost)].reset_index(drop=True)
    pd.testing.assert_frame_equal(left, others)
    texts = sorted({*others["chosen"], *others["rejected"]})
    old, new = (open_states(project.folder / "data/states" / DATASET / "minilm") for project in (before, made))
    assert np.array_equal(old.gather(texts), new.gather(texts)) and len(new) == len(texts)
    folders = [path.parent.relative_to(before.folder) for path in before.folder.rglob("users.safetensors")]
    assert len(folders) == 3, "two trained models and a packed one"
    for folder in folders:
        names, state = load_users(before.folder / folder)
        kept = [row for row, name in enumerate(names) if name != people["seen"]]
        left_names, left_state = load_users(made.folder / folder)
        assert left_names == [names[row] for row in kept]
        for name, tensor in state.tensors.items():
            assert left_state[name].numpy().tobytes() == tensor[kept].numpy().tobytes(), (folder, name)


def test_models_that_had_seen_them_are_named(reports: dict[str, Report]) -> None:
    seen, unseen = ({each.model: each for _, each in reports[role].exposures} for role in ("seen", "unseen"))
    for method in METHODS:
        cell = seen[f"models/{DATASET}/minilm/{method}/default"]
        assert cell.seen == "trained on their pairs" and cell.seeds == "0"
    assert seen[f"prefactor-{DATASET} version 1 @champion"].seen == "trained on their pairs"
    assert {each.seen for each in unseen.values()} == {"perhaps chosen with their pairs"}, "the split went before"


@pytest.mark.system
def test_rebuilt_they_do_not_come_back(
    made: Project, reports: dict[str, Report], people: dict[str, str], traces: set[str]
) -> None:
    assert reports
    states = made.folder / "data/states" / DATASET / "minilm" / "shards"
    kept = {path.name: path.stat().st_mtime_ns for path in states.iterdir()}
    done = made.run("dvc", "repro", *TARGETS)
    assert "Running stage 'prepare@mine'" in done.stdout and " 0 texts encoded" in done.stdout
    assert {path.name: path.stat().st_mtime_ns for path in states.iterdir()} == kept, "hours of states are kept"
    assert holding(made.folder, traces) == []
    prepared = made.folder / "data/prepared" / DATASET
    users = pd.read_parquet(prepared / "users.parquet")["user_id"]
    assert len(users) == 10 and not set(users) & {people["seen"], people["unseen"]}
    assert json.loads((prepared / "source.json").read_text())["dropped"]["forgotten_users"] == 2
    published = made.run("stages.publish", "--tracking-uri", f"sqlite:///{made.folder}/mlruns/mlflow.db").stdout
    assert "version 2 (new), alias @challenger" in published
    assert made.run("dvc", "repro", *TARGETS).stdout.count("Running stage") == 0
    again = forget(made.folder, people["unseen"])
    assert again.before and not again.removals and not again.left


def test_a_changed_pseudonym_makes_the_tables_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path, parameters(), [f"prepare@{DATASET}"])
    values = project.parameters()
    values["pseudonyms"] = {DATASET: "PREFACTOR_TEST_PSEUDONYM_KEY"}
    project.set_parameters(values)
    refused = project.run("dvc", "repro", f"prepare@{DATASET}", check=False)
    assert refused.returncode != 0 and "PREFACTOR_TEST_PSEUDONYM_KEY, which is not set" in refused.stderr
    monkeypatch.setenv("PREFACTOR_TEST_PSEUDONYM_KEY", "correct horse battery staple")
    project.run("dvc", "repro", f"prepare@{DATASET}")
    users = pd.read_parquet(tmp_path / "data/prepared" / DATASET / "users.parquet")["user_id"]
    assert users.str.fullmatch("[0-9a-f]{32}").all() and content_id("rater 1") not in set(users)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"correct horse" in path.read_bytes() for path in files)
