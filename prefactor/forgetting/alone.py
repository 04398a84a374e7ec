"""Nobody else writes while a user is forgotten: a rebuild would put back what is being removed."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefactor.errors import InputError

REBUILD_LOCK, DVC_LOCK = "rebuild.lock", "rwlock"  # of the flow `rebuild`; of DVC's commands, who holds which path
AGAIN = "wait until it has ended, then forget again"


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Keep rebuilds out of a project. Raises InputError if one runs, or a `dvc` command, or another forgetting."""
    folder = root / ".dvc" / "tmp"
    if not folder.parent.is_dir():
        yield
        return
    folder.mkdir(exist_ok=True)
    with (folder / REBUILD_LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"a rebuild or another forgetting runs in {root}: {AGAIN}") from None
        if (holder := _holder(folder / DVC_LOCK)) is not None:
            raise InputError(f"a `dvc` command runs in {root}, process {holder}: {AGAIN}")
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
