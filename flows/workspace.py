"""One rebuild at a time in one workspace."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefactor.errors import InputError


@contextmanager
def exclusive(root: Path) -> Iterator[int]:
    """Hold the workspace's rebuild lock and yield its file descriptor.

    The operating system frees it when the last process that holds the descriptor ends, so no stale lock can remain.
    Raises InputError if another rebuild holds it, or if ``root`` is no DVC project.
    """
    if not (root / ".dvc").is_dir():
        raise InputError(f"{root} is not a DVC project: give the folder that holds dvc.yaml and .dvc/")
    folder = root / ".dvc" / "tmp"
    folder.mkdir(exist_ok=True)
    with (folder / "rebuild.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another rebuild runs in {root}: wait until it has ended, or cancel it") from None
        yield lock.fileno()
