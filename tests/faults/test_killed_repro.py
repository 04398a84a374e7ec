"""A `dvc repro` that is killed: the next one goes on, the one after that runs nothing."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.faults.running_dvc import WAITING, await_stage, kill_all, stages_run, start_repro
from tests.flows.conftest import TinyProject
from tests.stages.conftest import make_project, tiny_parameters

KILLS = 6


def test_a_killed_stage_is_run_again_and_those_before_it_are_not(tmp_path: Path) -> None:
    project = TinyProject(tmp_path)
    assert project.dvc("repro", "aside").returncode == 0
    project.write("prepare.py", WAITING)
    repro = start_repro(project.root)
    await_stage(project.root)
    kill_all(repro)
    project.write("go", "")
    assert stages_run(project.dvc("repro").stdout) == ["prepare", "grow@p", "grow@q", "report"]
    assert stages_run(project.dvc("repro").stdout) == []


def outputs(root: Path) -> dict[str, Any]:
    """Content hashes of data and models."""
    stages = yaml.safe_load((root / "dvc.lock").read_text())["stages"]
    found = {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", ())}
    return {path: md5 for path, md5 in found.items() if path.startswith(("data/", "models/"))}


def results(root: Path) -> pd.DataFrame:
    """All figures but those of times."""
    rows = pd.read_parquet(root / "reports" / "results.parquet")
    return rows[~rows["metric"].str.startswith("latency")].reset_index(drop=True)


@pytest.mark.system
def test_a_pipeline_that_is_killed_again_and_again_ends_as_one_that_was_not(tmp_path: Path) -> None:
    parameters = tiny_parameters()
    del parameters["datasets"]["mine"]
    project = make_project(tmp_path / "killed", parameters)
    twin = make_project(tmp_path / "whole", parameters)
    started = time.monotonic()
    with start_repro(twin.folder) as whole:
        said, _ = whole.communicate()
    assert whole.returncode == 0, said
    seconds, random = time.monotonic() - started, np.random.default_rng(10)
    for _ in range(KILLS):
        repro = start_repro(project.folder)
        time.sleep(random.uniform(0.05, 2 / KILLS) * seconds)
        kill_all(repro)
    with start_repro(project.folder) as last:
        said, _ = last.communicate()
    assert last.returncode == 0, said
    assert project.reproduce() == set()
    assert outputs(project.folder) == outputs(twin.folder)
    pd.testing.assert_frame_equal(results(project.folder), results(twin.folder), rtol=1e-9)
    left = [path for place in ("data", "models", "reports") for path in (project.folder / place).rglob(".*.tmp-*")]
    assert left == [], "no scratch stays beside what it was for"
