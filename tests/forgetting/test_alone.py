"""Nobody else writes meanwhile."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from zc.lockfile import LockError, LockFile

from flows.workspace import exclusive
from prefactor.errors import InputError
from prefactor.forgetting.alone import alone


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    return tmp_path


def test_a_rebuild_and_a_forgetting_keep_each_other_out(root: Path) -> None:
    with exclusive(root), pytest.raises(InputError, match="a rebuild or another forgetting runs"), alone(root):
        pass
    with alone(root), pytest.raises(InputError, match="another rebuild runs"), exclusive(root):
        pass
    with alone(root):
        pass


@pytest.mark.parametrize("mode", ["write", "read"])
def test_a_living_dvc_command_is_waited_for_and_a_dead_one_is_not(root: Path, mode: str) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for process, refused in ((os.getpid(), True), (ended.pid, False)):
        holder = {"pid": process, "cmd": "dvc repro"}
        held = {mode: {"data/split": holder if mode == "write" else [holder]}}
        (root / ".dvc" / "tmp" / "rwlock").write_text(json.dumps(held))
        if refused:
            with pytest.raises(InputError, match=f"process {process}"), alone(root):
                pass
        else:
            with alone(root):
                pass


def test_a_folder_without_dvc_needs_no_lock(tmp_path: Path) -> None:
    with alone(tmp_path):
        assert not list(tmp_path.iterdir())


def test_dvc_cannot_begin_meanwhile_and_is_waited_for(root: Path) -> None:
    lock = root / ".dvc" / "tmp" / "lock"
    with alone(root), pytest.raises(LockError):
        LockFile(str(lock))
    held = LockFile(str(lock))
    with pytest.raises(InputError, match="a `dvc` command runs"), alone(root):
        pass
    held.close()
