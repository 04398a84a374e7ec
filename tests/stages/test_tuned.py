"""A variant that moves its backbone, through the stages: trained, killed, gone on with, evaluated, compared."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

from prefactor.layout import Cell, checkpoints, seed_folder
from tests.stages.conftest import ROOT, tiny_parameters
from tests.tuning.conftest import save_qwen3

CELL = Cell("stylebench", "tiny", "bt", "default")
BEFORE = ("prepare", "validate", "split", "validate_split")


def stage(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A stage as dvc would run it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", f"stages.{arguments[0]}", *arguments[1:]]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def finished(folder: Path, *arguments: str) -> None:
    with stage(folder, *arguments) as running:
        error = running.communicate()[1]
    assert running.returncode == 0, error


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose data are embedded by a tiny causal model."""
    folder = tmp_path_factory.mktemp("tuned")
    save_qwen3(folder / "tiny")
    parameters = tiny_parameters()
    del parameters["datasets"]["mine"]
    parameters["run"] |= {"backbones": ["tiny"], "methods": ["bt", "vrf"]}
    parameters["backbones"] = {"tiny": {"model": "tiny", "device": "cpu"}}
    methods = parameters["methods"]
    methods["bt"]["default"]["tuning"] = {"mode": "lora", "learning_rate": 0.01, "checkpoint_every": 1}
    methods["bt"]["default"]["training"]["epochs"] = 6
    methods["vrf"]["default"]["tuning"] = {"mode": "full", "learning_rate": 0.001}
    methods["bt"]["shared"] = {**methods["bt"]["default"], "tuning": {"mode": "full", "processes": 2}}
    (folder / "params.yaml").write_text(yaml.safe_dump(parameters))
    for name in BEFORE:
        finished(folder, name, "stylebench")
    finished(folder, "embed", "stylebench", "tiny")
    return folder


@pytest.mark.system
def test_a_killed_stage_goes_on_to_the_same_models(folder: Path) -> None:
    finished(folder, "train_encoder", *CELL.path.parts)
    model = folder / seed_folder(CELL.model, 0)
    expected = load_file(model / "model.safetensors"), (model / "backbone/adapter_model.safetensors").read_bytes()
    assert not (folder / checkpoints(CELL, 0)).exists()
    with stage(folder, "train_encoder", *CELL.path.parts) as running:
        course = folder / checkpoints(CELL, 0) / "checkpoint" / "course.json"
        while not course.exists() and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
        running.communicate()
    assert running.returncode == -signal.SIGKILL and course.exists()
    finished(folder, "train_encoder", *CELL.path.parts)
    again = load_file(model / "model.safetensors")
    assert all((again[name] == tensor).all() for name, tensor in expected[0].items())
    assert (model / "backbone/adapter_model.safetensors").read_bytes() == expected[1]


@pytest.mark.system
def test_tuned_models_are_evaluated_and_compared(folder: Path) -> None:
    finished(folder, "train_encoder", *CELL.path.parts)
    finished(folder, "train_basis", "stylebench", "tiny", "vrf", "default")
    finished(folder, "train_encoder", "stylebench", "tiny", "vrf", "default")
    for method in ("bt", "vrf"):
        finished(folder, "evaluate", "stylebench", "tiny", method, "default")
    finished(folder, "portrait", "stylebench", "tiny")
    finished(folder, "backbone_scale")
    table = (folder / "reports/backbone_scale/backbone_scale.csv").read_text().splitlines()
    assert [line.split(",")[2:5] for line in table[1:]] == [["bt", "default", "lora"], ["vrf", "default", "full"]]


@pytest.mark.system
def test_two_processes_leave_one_model(folder: Path) -> None:
    cell = Cell("stylebench", "tiny", "bt", "shared")
    finished(folder, "train_encoder", *cell.path.parts)
    summary = json.loads((folder / cell.model / "training.json").read_text())
    assert list(summary["seeds"]) == ["0", "1"] and summary["parameters"]["tuning"]["processes"] == 2
    finished(folder, "evaluate", *cell.path.parts)
