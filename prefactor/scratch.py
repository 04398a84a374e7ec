"""Scratch beside an output, ``.<name>.tmp-<random>``: locked for as long as its writer lives.

So what a killed writer left is told from what another one is writing, and the next writer of that output removes it.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

RANDOM = re.compile(r"[a-z0-9_]{8}")


@contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """An empty file beside ``path``; what becomes of it is up to the block, if nothing does it vanishes."""
    with _locked(path, _new_file) as scratch:
        yield scratch


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """The same of an empty folder."""
    with _locked(path, _new_folder) as scratch:
        yield scratch


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _locked(path: Path, make: Callable[[Path], Path]) -> Iterator[Path]:
    _remove_abandoned(path)
    scratch, lock = _made(path, make)
    try:
        yield scratch
    finally:
        remove(scratch)
        os.close(lock)


def _made(path: Path, make: Callable[[Path], Path]) -> tuple[Path, int]:
    """New scratch, and the descriptor that holds its lock. Another writer may take it for abandoned before."""
    while True:
        scratch = make(path)
        try:
            lock = os.open(scratch, os.O_RDONLY)
        except FileNotFoundError:
            continue
        _lock(lock, fcntl.LOCK_EX)
        if scratch.exists():
            return scratch, lock
        os.close(lock)


def _remove_abandoned(path: Path) -> None:
    prefix = _prefix(path)
    with os.scandir(path.parent) as entries:
        found = [entry.path for entry in entries if entry.name.startswith(prefix)]
    for name in found:
        if RANDOM.fullmatch(Path(name).name.removeprefix(prefix)):
            _remove_if_abandoned(Path(name))


def _remove_if_abandoned(scratch: Path) -> None:
    try:
        lock = os.open(scratch, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:  # it is gone, or a link
        return
    try:
        if _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            remove(scratch)
    finally:
        os.close(lock)


def _lock(descriptor: int, how: int) -> bool:
    """Whether it was locked: another holds it, or the file system knows no locks, where nothing is ever removed."""
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        return False
    return True


def _prefix(path: Path) -> str:
    return f".{path.name}.tmp-"


def _new_file(path: Path) -> Path:
    handle, name = tempfile.mkstemp(prefix=_prefix(path), dir=path.parent)
    os.close(handle)
    return Path(name)


def _new_folder(path: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=_prefix(path), dir=path.parent))
