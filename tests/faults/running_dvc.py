"""A real `dvc repro` in the background, to be killed: alone, or with the stages that it has started."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from flows.environment import child_environment

PATIENCE_SECONDS = 120.0
WAITING = """\
import os, time
open("a.log", "a").write("ran\\n")
open("stage.pid", "w").write(str(os.getpid()))
while not os.path.exists("go"):
    time.sleep(0.02)
open("a.txt", "w").write("a")
"""  # a stage that waits to be let go on


def start_repro(root: Path) -> subprocess.Popen[str]:
    """In a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=root,
        env=child_environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def kill_all(repro: subprocess.Popen[str]) -> None:
    """DVC and its stage, at once and without a word, as when a machine runs out of memory or a shell is killed."""
    os.killpg(repro.pid, signal.SIGKILL)
    repro.communicate()


def await_stage(root: Path) -> int:
    """The process of the waiting stage, once it runs."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if (root / "stage.pid").exists() and (text := (root / "stage.pid").read_text()):
            return int(text)
        time.sleep(0.02)
    raise AssertionError("the stage did not start")


def stages_run(said: str) -> list[str]:
    """Which stages a `dvc repro` ran."""
    return [line.split("'")[1] for line in said.splitlines() if line.startswith("Running stage '")]
