"""``prefactor policy-candidates``: from published files to a file that the source reads, with any causal model."""

import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from prefactor.cli import app
from prefactor.commands.policy_candidates import read_policies
from prefactor.datasets import load
from prefactor.datasets.lamp.published import find_published
from prefactor.errors import InputError
from tests.datasets.lamp.small import files
from tests.decoding.policies.made import writer_folder


def model_folder() -> Path:
    """A model that knows the words of the sample."""
    people = list(find_published(files() / "LaMP_4").people())
    return writer_folder(1024, tuple(text for one in people for item in one.items for text in (item.prompt, item.gold)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(files() / "LaMP_4", tmp_path / "LaMP_4"))


@pytest.fixture
def params(tmp_path: Path) -> Path:
    """With the model by a name, and small numbers."""
    writer = {"model": str(model_folder()), "pooling": "mean", "device": "cpu"}
    policies = {
        "model": "writer",
        "embeddings": "writer",
        "profile_queries": 2,
        "profile_samples": 3,
        "people_at_once": 2,
        "sampling": {"max_new_tokens": 12, "temperature": 1.5},
    }
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"backbones": {"writer": writer}, "policies": policies}))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["policy-candidates", *map(str, arguments)])


def test_what_is_written_is_what_the_source_reads(folder: Path, params: Path) -> None:
    first = run(folder, "--params", params, "--people", 3, "--samples", 4, "--policies", "base, retrieved")
    assert first.exit_code == 0, first.output
    assert "candidates.parquet" in first.stdout and "LaMP_4, split dev" in first.stdout
    path = folder / "candidates.parquet"
    written = path.stat().st_mtime_ns
    found = load("lamp", {"policy": "retrieved"}, folder, "here")
    assert 1 <= len(found.users) <= 3 and found.source["sample"] and found.source["split"] == "dev"
    assert found.source["model"] == model_folder().name
    again = run(folder, "--params", params, "--people", 3, "--samples", 4, "--policies", "base,retrieved")
    assert again.exit_code == 0 and path.stat().st_mtime_ns == written, "nothing is left to do"
    (folder / "dev_outputs.json").write_text((folder / "dev_outputs.json").read_text().replace("How", "Now"))
    with pytest.raises(InputError, match="was written for other files"):
        load("lamp", {"policy": "retrieved"}, folder, "here")


def test_faults_are_a_line(folder: Path, params: Path) -> None:
    for arguments, message in (
        ([folder], "no model is named: give --model, or model in the section policies"),
        ([folder, "--params", params, "--split", "dve"], "has no split 'dve'; did you mean 'dev'"),
        ([folder, "--params", params, "--policies", "rag"], "policies.policies.0: input should be 'base'"),
        ([folder.parent, "--params", folder / "none.yaml"], "does not exist: run from the project's root"),
    ):
        found = run(*arguments)
        assert found.exit_code == 1 and message in found.output and "Traceback" not in found.output


def test_models_are_named_as_in_the_parameters_or_by_folder(params: Path) -> None:
    found = read_policies(params, {})
    assert found.model.model == str(model_folder()) and found.model.pooling == "mean"
    assert found.embeddings.model == found.model.model and not found.embeddings.log_probabilities
    assert read_policies(params, {"model": "some/hub-id"}).model.model == "some/hub-id"
    assert read_policies(None, {"model": "x", "small": {"model": "y", "max_tokens": 9}}).small.max_tokens == 9
    params.write_text("policies: [1]")
    with pytest.raises(InputError, match=r"policies must be a mapping, but is \[1\]"):
        read_policies(params, {})
