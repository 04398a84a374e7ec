"""Who may change a workspace's data, and who reads them: one rebuild at a time, or any number of sweeps."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefactor.errors import InputError


class Busy(InputError):
    """Somebody else reads or replaces the workspace's data now."""


@contextmanager
def exclusive(root: Path) -> Iterator[int]:
    """Hold the workspace's rebuild lock and yield its file descriptor.

    The operating system frees it when the last process that holds the descriptor ends, so no stale lock can remain.
    Raises Busy if another rebuild, or a sweep, holds it, and InputError if ``root`` is no DVC project.
    """
    said = f"another rebuild runs in {root}, or a sweep that reads its data: wait until it has ended, or cancel it"
    with _locked(root, fcntl.LOCK_EX, said) as lock:
        yield lock


@contextmanager
def shared(root: Path) -> Iterator[int]:
    """Keep rebuilds out for as long as the workspace's data are read, and yield the lock's file descriptor.

    Any number may read at once. Raises Busy if a rebuild runs, and InputError if ``root`` is no DVC project.
    """
    said = f"a rebuild runs in {root}, and may replace what is read here: wait until it has ended, or cancel it"
    with _locked(root, fcntl.LOCK_SH, said) as lock:
        yield lock


@contextmanager
def _locked(root: Path, how: int, otherwise: str) -> Iterator[int]:
    if not (root / ".dvc").is_dir():
        raise InputError(f"{root} is not a DVC project: give the folder that holds dvc.yaml and .dvc/")
    folder = root / ".dvc" / "tmp"
    folder.mkdir(exist_ok=True)
    with (folder / "rebuild.lock").open("a") as lock:
        try:
            fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(otherwise) from None
        yield lock.fileno()
