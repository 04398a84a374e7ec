"""A real pipeline in a folder of its own: the project's code and dvc.yaml, tiny parameters, a real `dvc repro`."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.stages.warm import warm_python
from tests.tuning.conftest import save_qwen3

ROOT = Path(__file__).resolve().parents[2]


def training() -> dict:
    """A few steps; a new dictionary each time, because YAML would write a shared one as an anchor."""
    return {"epochs": 2, "learning_rate": 0.01, "validations": 2, "episodes": {"users_per_step": 20}}


def tiny_parameters() -> dict:
    """Two datasets, a generated one that is trained on and a user's own file that is only prepared; two methods."""
    return {
        "run": {
            "datasets": ["stylebench"],
            "backbones": ["minilm"],
            "methods": ["bt", "vrf"],
            "variants": ["default"],
            "seeds": [0, 1],
            "threads": 1,
        },
        "datasets": {
            "stylebench": {
                "source": "stylebench",
                "input": "prefactor/datasets/stylebench",
                "options": {"prompts": 36, "responses": 3, "users": 60, "pairs_per_user": 36},
                "split": {
                    "leakage": "global",
                    "users": {"seen": 30, "validation": 10, "unseen": 15},
                    "pairs": {"train": 8, "validation": 2, "evaluation": 4, "reference": 8},
                    "pools": {"train": 0.5, "validation": 0.2, "evaluation": 0.3},
                },
            },
            "mine": {
                "source": "files",
                "input": "mine.jsonl",
                "options": {"columns": {"user_id": "rater"}},
                "split": {"leakage": "within-user"},
            },
        },
        "pseudonyms": {},
        "quality": {},
        "language_models": {},
        "backbones": {"minilm": {"model": "embedded", "shard_texts": 16}},
        "methods": {
            "bt": {
                "default": {
                    "model": {"basis": {"form": "linear", "bases": 1}},
                    "basis_training": None,
                    "training": training(),
                }
            },
            "vrf": {
                "default": {
                    "model": {
                        "basis": {"form": "linear", "bases": 4},
                        "loadings": {"bases": 3},
                        "common": True,
                        "calibrated": True,
                        "lapses": True,
                        "latent": 8,
                        "unit_prior": True,
                        "start": "svd",  # of so few pairs no direction of taste would be detected
                        "choices": [{}, {"common_network": {"form": "mlp"}}],
                    },
                    "basis_training": training(),
                    "training": training(),
                }
            },
        },
        "evaluation": {"shots": [1, 3], "draws": 2, "draw_shots": [2], "doubts": [1, 3], "recovery": [1]},
        "signal": {"components": 8, "permutations": 9},
        "portrait": {"judge": None},
        "diagnosis": {"users": 12, "against": {"vrf": "bt"}, "rules": {"models": ["vrf"], "common": "bt"}},
        "asking": {"datasets": []},
        "generation": {"models": [], "methods": [], "datasets": []},
        "search": {
            "methods": ["bt"],
            "number": 3,
            "shots": [1, 3],
            "spaces": {"bt": {"training": {"learning_rate": [0.001, 0.01, 0.1]}}},
        },
    }


@dataclass(frozen=True)
class Project:
    """A folder with a pipeline."""

    folder: Path

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `python -m ...` in the folder, as a user with the environment active would; its stages are warm."""
        warm = warm_python().folder
        done = subprocess.run(
            [str(warm / "python"), "-m", *command],
            cwd=self.folder,
            env=self.environment(warm),
            capture_output=True,
            text=True,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *command: str) -> subprocess.Popen[str]:
        """The same in the background, in a process group of its own with all it starts: to be killed."""
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=self.folder,
            env=self.environment(Path(sys.executable).parent),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def environment(self, first: Path) -> dict[str, str]:
        """Stages find the Python of this folder ``first`` on PATH."""
        path = os.pathsep.join([str(first), str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def reproduce(self) -> set[str]:
        """`dvc repro`; returns the stages that it ran."""
        output = self.run("dvc", "repro").stdout
        return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage '")}

    def parameters(self) -> dict:
        """params.yaml as it stands."""
        return yaml.safe_load((self.folder / "params.yaml").read_text())

    def set_parameters(self, values: dict) -> None:
        """Replace params.yaml."""
        (self.folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


MARKER = "quagga"  # in every text of a person's own file: no message may hold it


def write_own_file(path: Path, users: int = 12, prompts: int = 12) -> None:
    """Preferences as a person would bring them: JSONL, one column named otherwise, one pair given twice."""
    rows = [
        {
            "rater": f"rater {user}",
            "prompt": f"Where should the {MARKER} of {user} spend holiday number {prompt}?",
            "chosen": f"By the sea, in the {MARKER} house with {prompt + 2} windows.",
            "rejected": f"At home, {MARKER}."
            if prompt % 2
            else f"In the mountains, on the {MARKER} path that takes {user + 3} long hours up.",
        }
        for user in range(users)
        for prompt in range(prompts)
    ]
    path.write_text("\n".join(json.dumps(row) for row in [*rows, rows[0]]) + "\n")


def make_project(folder: Path, parameters: dict, targets: Sequence[str] = ()) -> Project:
    """Lay out a pipeline in an empty folder: code and dvc.yaml by copy; nobody is forgotten."""
    for name in ("prefactor", "stages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "dvc.yaml", folder / "dvc.yaml")
    (folder / "forgotten.json").write_text("[]\n")
    write_own_file(folder / "mine.jsonl")
    project = Project(folder)
    project.set_parameters(parameters)
    project.run("dvc", "init", "--no-scm", "--quiet")
    shutil.copy(ROOT / ".dvcignore", folder / ".dvcignore")  # code is compiled beside it when it runs
    if targets:
        project.run("dvc", "repro", *targets)
    return project


@dataclass(frozen=True)
class Whole(Project):
    """A project after one whole `dvc repro`, and all that this has ``said``."""

    said: str


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """With a backbone that is as tiny as all else."""
    folder, parameters = tmp_path_factory.mktemp("whole"), tiny_parameters()
    parameters["run"]["backbones"] = ["tiny"]
    parameters["backbones"] = {"tiny": {"model": "tiny", "device": "cpu", "shard_texts": 16}}
    save_qwen3(folder / "tiny")
    done = make_project(folder, parameters).run("dvc", "repro")
    return Whole(folder, done.stdout + done.stderr)
