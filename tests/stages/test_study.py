"""Studies: what differs from the project's parameters, and nothing else."""

from pathlib import Path

import pytest
import yaml

from prefactor.errors import InputError
from prefactor.methods import METHODS
from prefactor.parameters import build
from stages.study import merge, study
from stages.trainings import MethodParameters, RunParameters

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted(path.parent.name for path in (ROOT / "studies").glob("*/study.yaml"))


def test_mappings_are_merged_and_all_else_replaced() -> None:
    base = {"run": {"seeds": [0, 1], "threads": 2}, "quality": {}}
    changes = {"run": {"seeds": [5]}, "evaluation": {"shots": [1]}}
    assert merge(base, changes) == {
        "run": {"seeds": [5], "threads": 2},
        "quality": {},
        "evaluation": {"shots": [1]},
    }


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "studies" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"run": {"seeds": [0]}, "datasets": {"a": {"source": "x"}}}))
    return tmp_path


def test_a_study_has_its_own_data_only(project: Path) -> None:
    (project / "studies/mine/study.yaml").write_text(yaml.safe_dump({"datasets": {"b": {"source": "y"}}}))
    study("mine")
    written = yaml.safe_load((project / "studies/mine/params.yaml").read_text())
    assert written == {"run": {"seeds": [0]}, "datasets": {"b": {"source": "y"}}}


def test_an_unknown_study_is_refused_with_the_known_ones(project: Path) -> None:
    (project / "studies/mine/study.yaml").write_text("{}")
    with pytest.raises(InputError, match="no study 'yours': mine"):
        study("yours")


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_of_the_project_is_the_pipeline_with_sound_parameters(name: str) -> None:
    folder = ROOT / "studies" / name
    for part in ("dvc.yaml", "stages", "prefactor"):
        assert (folder / part).resolve() == ROOT / part
    changes = yaml.safe_load((folder / "study.yaml").read_text())
    parameters = merge(yaml.safe_load((ROOT / "params.yaml").read_text()), changes)
    run = build(RunParameters, parameters["run"], "run")
    assert set(run.datasets) <= set(changes.get("datasets", parameters["datasets"]))
    for method in run.methods:
        for variant in run.variants:
            settings = build(MethodParameters, parameters["methods"][method][variant], f"{method}.{variant}")
            build(METHODS[method].Parameters, settings.model, f"{method}.{variant}.model")
