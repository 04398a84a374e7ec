"""DVC's artifacts: one for every dataset, of the version that is served."""

import subprocess
import sys

import pytest
import yaml
from mlflow.entities.model_registry import ModelVersion, ModelVersionTag

from prefactor.errors import InputError
from prefactor.tracking.origin import artifact_name, name_champion


def version(name: str, number: int, **tags: str) -> ModelVersion:
    place = {"dvc.artifact": f"registry:{name}", "dvc.path": f"models/{name}/seed-{number}"}
    found = [ModelVersionTag(key.replace("_", "."), value) for key, value in {**place, **tags}.items()]
    return ModelVersion(name, str(number), 0, tags=found)


def artifacts(root) -> dict:
    return yaml.safe_load((root / "registry/dvc.yaml").read_text())["artifacts"]


def test_each_dataset_has_its_own_and_the_last_one_that_was_served(tmp_path):
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    assert name_champion(tmp_path, version("prefactor-a", 1))
    assert name_champion(tmp_path, version("prefactor-b", 4, dvc_md5="0.dir"))
    assert name_champion(tmp_path, version("prefactor-a", 2))
    assert not name_champion(tmp_path, version("prefactor-a", 2)), "nothing to change"
    found = artifacts(tmp_path)
    assert {name: entry["meta"]["version"] for name, entry in found.items()} == {"prefactor-a": 2, "prefactor-b": 4}
    assert found["prefactor-a"]["path"] == "../models/prefactor-a/seed-2"
    assert found["prefactor-b"]["meta"]["training_md5"] == "0.dir"


def test_what_somebody_else_wrote_there_stays(tmp_path):
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "registry").mkdir()
    mine = {"artifacts": {"mine": {"path": "x"}}, "params": ["p.yaml"]}
    (tmp_path / "registry/dvc.yaml").write_text(yaml.safe_dump(mine))
    name_champion(tmp_path, version("prefactor-a", 1))
    assert artifacts(tmp_path)["mine"] == {"path": "x"}
    assert yaml.safe_load((tmp_path / "registry/dvc.yaml").read_text())["params"] == ["p.yaml"]
    (tmp_path / "registry/dvc.yaml").write_text("artifacts: [1]\n")
    with pytest.raises(InputError, match=r"registry/dvc\.yaml is not a dvc\.yaml with artifacts"):
        name_champion(tmp_path, version("prefactor-a", 1))


def test_nothing_is_written_without_a_pipeline_or_an_origin(tmp_path):
    assert not name_champion(tmp_path, version("prefactor-a", 1))
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    assert not name_champion(tmp_path, ModelVersion("prefactor-a", "1", 0))
    assert not (tmp_path / "registry").exists()


@pytest.mark.system
def test_names_are_those_that_dvc_takes():
    name = artifact_name("Style_bench.2")
    assert name == "prefactor-style-bench-2"
    asked = f"from dvc.repo.artifacts import name_is_compatible; assert name_is_compatible({name!r})"
    subprocess.run([sys.executable, "-c", asked], check=True)  # imported here, DVC would keep the streams
