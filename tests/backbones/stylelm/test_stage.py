"""The stage: a folder and a report from params.yaml, whole or not at all."""

import json
from dataclasses import asdict

import pytest
import yaml

from prefactor.backbones import BackboneParameters, load_backbone
from prefactor.errors import InputError
from stages.language_model import language_model

from .conftest import tiny_parameters


@pytest.fixture
def project(world, tmp_path, monkeypatch):
    """A project whose one language model that is a backbone is tiny."""
    small = asdict(tiny_parameters(epochs=1))
    values = {
        "run": {"threads": 1, "backbones": ["minilm", "small"]},
        "language_models": {"small": small, "other": small | {"dataset": "nowhere"}},
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_stage_leaves_a_model_and_a_report(project, capsys):
    language_model()
    report = json.loads((project / "reports/language_models/small/perplexity.json").read_text())
    assert report["training_responses"] == 16 and report["parameters"] > 0
    assert "perplexity of held-out responses" in capsys.readouterr().out
    backbone = load_backbone(BackboneParameters(model="models/language/small", device="cpu"))
    assert backbone.encode(["How?"], ["So."]).states.shape == (1, 16)


def test_no_text_of_anyone_is_in_the_report(project, capfd):
    language_model()
    said = capfd.readouterr()
    for text in (*said, (project / "reports/language_models/small/perplexity.json").read_text()):
        assert not any(word in text for word in ("wheat", "barley", "secretword", "Knead"))


def test_what_is_refused_leaves_nothing(project):
    (project / "data/split/tiny/pairs.parquet").unlink()
    with pytest.raises(InputError, match="rerun stage split"):
        language_model()
    assert not (project / "models/language").exists() and not (project / "reports/language_models").exists()


def test_only_backbones_of_the_run_are_trained(project):
    values = yaml.safe_load((project / "params.yaml").read_text())
    values["run"]["backbones"] = ["minilm"]
    (project / "params.yaml").write_text(yaml.safe_dump(values))
    language_model()
    for folder in ("models/language", "reports/language_models"):
        assert [path.name for path in (project / folder).iterdir()] == ["trained.json"]
        assert json.loads((project / folder / "trained.json").read_text()) == []
