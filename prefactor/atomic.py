"""Outputs appear whole or not at all: written beside their place, then renamed into it."""

import ctypes
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefactor.disk import written
from prefactor.errors import InputError
from prefactor.scratch import scratch_file, scratch_folder

AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of Linux


@contextmanager
def atomic_file(path: Path | str) -> Iterator[Path]:
    """Yield a scratch path beside ``path``; on success it replaces ``path``, on failure it vanishes.

    Raises DiskError, an InputError, where the disk takes no more.
    """
    path = Path(path)
    _make_parent(path)
    with written(path), scratch_file(path) as scratch:
        yield scratch
        scratch.chmod(0o644)
        scratch.replace(path)


@contextmanager
def atomic_folder(path: Path | str) -> Iterator[Path]:
    """Yield a scratch folder beside ``path``; on success it replaces ``path``, on failure it vanishes.

    Raises DiskError, an InputError, where the disk takes no more.
    """
    path = Path(path)
    _make_parent(path)
    if path.is_file():
        raise InputError(f"{path} is a file, but a folder is to be written there: move the file away")
    with written(path), scratch_folder(path) as scratch:
        yield scratch
        scratch.chmod(0o755)
        _take_place(scratch, path)


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write JSON atomically, indented, keys in the order given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _take_place(scratch: Path, path: Path) -> None:
    """Put ``scratch`` at ``path``; an old folder takes the scratch's place, to be deleted there."""
    if not os.path.lexists(path):
        scratch.rename(path)
    elif not _exchange(scratch, path):
        _replace(scratch, path)


def _exchange(first: Path, second: Path) -> bool:
    """Let two folders change names in one step, so that a kill finds either there; False where the system cannot."""
    system = ctypes.CDLL(None)
    if not hasattr(system, "renameat2"):
        return False
    names = os.fsencode(first), os.fsencode(second)
    return system.renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE) == 0


def _replace(scratch: Path, path: Path) -> None:
    """The same in two steps. An old folder is moved aside first: deleting it in place could stop half-way."""
    with scratch_folder(path) as aside:
        old = aside / path.name
        path.rename(old)
        try:
            scratch.rename(path)
        except BaseException:
            old.rename(path)
            raise


def _make_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot create folder {path.parent} ({error.strerror}): choose a folder you may write to"
        ) from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"no permission to write in {path.parent}: change its permissions or choose another folder")
