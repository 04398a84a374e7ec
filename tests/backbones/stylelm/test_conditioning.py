"""The default model, trained on the whole default dataset, follows the attributes it is given."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from stages.language_model import language_model
from stages.prepare import prepare
from stages.split import split

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.system
def test_the_default_model_follows_attributes(tmp_path, monkeypatch):
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    shutil.copy(ROOT / "forgotten.json", tmp_path)
    monkeypatch.chdir(tmp_path)
    prepare("stylebench")
    split("stylebench")
    language_model()
    report = json.loads(Path("reports/language_models/stylelm/perplexity.json").read_text())
    assert 1e6 * 0.9 < report["parameters"] < 5e6
    for right, wrong in (("system_right", "system_wrong"), ("line_right", "line_wrong")):
        assert report["ratio"][f"{right}/{wrong}"]["high"] < 1
    assert report["ratio"]["system_right/neutral"]["high"] < 1
    assert report["ordered"]["all"]["low"] > 0.6
