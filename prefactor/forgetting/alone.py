"""Nobody else rebuilds while a user is forgotten: it would put back what is being removed.

DVC's own lock is held, so its commands refuse to begin; a stage that runs, which DVC frees that lock for, is in DVC's
list of who holds which path. Not kept out: stages run by hand, other programs, DVC where `core.hardlink_lock` is set.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefactor.errors import InputError

REBUILD_LOCK = "rebuild.lock"  # of the flow `rebuild`
DVC_LOCK, DVC_PATHS = "lock", "rwlock"  # of DVC's commands; who of them holds which path
AGAIN = "wait until it has ended, then forget again"


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Keep rebuilds, `dvc` commands and other forgettings out of a project. Raises InputError if one of them runs."""
    folder = root / ".dvc" / "tmp"
    if not folder.parent.is_dir():
        yield
        return
    folder.mkdir(exist_ok=True)
    with (
        _held(folder / REBUILD_LOCK, f"a rebuild or another forgetting runs in {root}: {AGAIN}"),
        _held(folder / DVC_LOCK, f"a `dvc` command runs in {root}: {AGAIN}"),
    ):
        if (holder := _holder(folder / DVC_PATHS)) is not None:
            raise InputError(f"a `dvc` command runs in {root}, process {holder}: {AGAIN}")
        yield


@contextmanager
def _held(path: Path, message: str) -> Iterator[None]:
    """A lock file, as DVC's `zc.lockfile` has it: never deleted, and freed by the system when its holder ends."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(message) from None
        yield


def _holder(path: Path) -> int | None:
    """A living process that DVC has given a path to; what a killed one left is no lock."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    writers, readers = held.get("write", {}).values(), held.get("read", {}).values()
    processes = [*(each["pid"] for each in writers), *(each["pid"] for some in readers for each in some)]
    return next((process for process in processes if _lives(process)), None)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
