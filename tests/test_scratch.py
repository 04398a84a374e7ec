"""Scratch of a killed writer is removed by the next one; anybody else's stays."""

import multiprocessing
import os
import time
from pathlib import Path

import pytest

from prefactor.atomic import atomic_file, atomic_folder
from prefactor.scratch import scratch_folder


def hold(place: str, begun: str, end: str) -> None:
    with scratch_folder(Path(place)) as scratch:
        (scratch / "half").write_text("mine")
        Path(begun).touch()
        while not Path(end).exists():
            time.sleep(0.01)
        assert (scratch / "half").read_text() == "mine"


def test_what_another_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    place, begun, end = (str(tmp_path / name) for name in ("place", "begun", "end"))
    other = multiprocessing.get_context("spawn").Process(target=hold, args=(place, begun, end))
    other.start()
    while not Path(begun).exists():
        assert other.is_alive()
        time.sleep(0.01)
    with atomic_folder(place) as scratch:
        (scratch / "mine").touch()
    Path(end).touch()
    other.join()
    assert other.exitcode == 0


@pytest.mark.parametrize("name", [".place.tmp-", ".place.tmp-notrandom", ".place.tmp-ABCDEFGH", ".places.tmp-a1b2c3d4"])
def test_files_that_only_look_like_scratch_stay(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("somebody's")
    (tmp_path / ".place.tmp-a1b2c3d4").write_text("what a killed one left")
    os.symlink(tmp_path / name, tmp_path / ".place.tmp-a1b2c3d5")
    with atomic_file(tmp_path / "place") as scratch:
        scratch.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {name, "place", ".place.tmp-a1b2c3d5"}
    assert (tmp_path / name).read_text() == "somebody's"
