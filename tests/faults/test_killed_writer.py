"""A process that is killed while it writes: its outputs are the old ones or the new ones, and nothing stays beside."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from prefactor.atomic import atomic_file, atomic_folder

ROOT = Path(__file__).parents[2]
PARTS = 6  # files of a folder
WRITE = """
import itertools, sys
from pathlib import Path
from prefactor.atomic import atomic_folder, write_text
place = Path(sys.argv[1])
print("ready", flush=True)
for number in itertools.count(int(sys.argv[2])):
    with atomic_folder(place / "folder") as scratch:
        for part in range({parts}):
            (scratch / str(part)).write_text(str(number))
    write_text(place / "file", str(number) * 9000)
"""


def killed_while_writing(place: Path, start: int, seconds: float) -> None:
    """Write numbers from ``start`` on for some seconds."""
    command = [sys.executable, "-c", WRITE.format(parts=PARTS), str(place), str(start)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        writer.send_signal(signal.SIGKILL)


def in_folder(place: Path) -> list[str]:
    return [(place / "folder" / str(part)).read_text() for part in range(PARTS)]


@pytest.mark.parametrize("rounds", [8, pytest.param(200, marks=pytest.mark.system)])
def test_whatever_the_moment_outputs_are_whole_and_no_scratch_gathers(rounds: int, tmp_path: Path) -> None:
    random, last = np.random.default_rng(8), 0
    for turn in range(rounds):
        killed_while_writing(tmp_path, 1000 * turn, random.uniform(0, 0.03))
        if not (tmp_path / "file").exists():
            continue  # they were killed before its first one was whole
        (number,) = set(in_folder(tmp_path))
        written = (tmp_path / "file").read_text()
        assert int(number) >= last and len(written) % 9000 == 0
        assert written == written[: len(written) // 9000] * 9000
        last = int(number)
    assert len(list(tmp_path.glob(".*"))) <= 2, "the next writer of an output removes what a killed one left"
    with atomic_folder(tmp_path / "folder") as scratch:
        (scratch / "0").write_text("new")
    with atomic_file(tmp_path / "file") as scratch:
        scratch.write_text("new")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["0", "file", "folder"]
