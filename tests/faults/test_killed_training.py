"""A training that is killed wherever it is: run again, it leaves what it would have left, once, and nothing beside."""

import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from prefactor.layout import Cell, checkpoints
from tests.stages.test_tuned import finished, folder, stage

__all__ = ["folder"]  # a project whose data are embedded; of its methods, `bt` moves the backbone too

pytestmark = pytest.mark.system

KILLS = 4
TIMED = ("training.json",)  # holds seconds


def outputs(root: Path) -> dict[str, bytes]:
    """Every file below models/, scratch too."""
    files = (path for path in (root / "models").rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files if path.name not in TIMED}


def lengthen(root: Path, method: str) -> None:
    """More epochs, and of VRF the frozen form."""
    parameters = yaml.safe_load((root / "params.yaml").read_text())
    mine = parameters["methods"][method]["default"]
    mine["training"]["epochs"] = {"bt": 10, "vrf": 150}[method]
    if method == "vrf":
        del mine["tuning"]
    (root / "params.yaml").write_text(yaml.safe_dump(parameters))


@pytest.mark.parametrize("method", ["bt", "vrf"])
def test_a_killed_training_ends_as_one_that_was_not(folder: Path, method: str, tmp_path: Path) -> None:
    cell = Cell("stylebench", "tiny", method, "default")
    root = Path(shutil.copytree(folder, tmp_path / "project"))
    lengthen(root, method)
    if method == "vrf":
        finished(root, "train_basis", *cell.path.parts)
    twin = Path(shutil.copytree(root, tmp_path / "twin"))
    started = time.monotonic()
    finished(twin, "train_encoder", *cell.path.parts)
    seconds, random, killed = time.monotonic() - started, np.random.default_rng(9), 0
    for _ in range(KILLS):
        started = time.monotonic()
        with stage(root, "train_encoder", *cell.path.parts) as running:
            try:
                running.wait(random.uniform(0.3, 1) * seconds)
                seconds = time.monotonic() - started  # the machine had more to do before
            except subprocess.TimeoutExpired:
                killed += 1
            running.kill()
    assert killed, "each was faster than the one before"
    finished(root, "train_encoder", *cell.path.parts)
    assert outputs(root) == outputs(twin)
    assert not (root / checkpoints(cell, 0)).exists()
