"""Outputs appear whole or not at all: written beside their place, then renamed into it."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefactor.errors import InputError


@contextmanager
def atomic_file(path: Path | str) -> Iterator[Path]:
    """Yield a scratch path beside ``path``; on success it replaces ``path``, on failure it vanishes."""
    path = Path(path)
    _make_parent(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        scratch.chmod(0o644)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path | str) -> Iterator[Path]:
    """Yield a scratch folder beside ``path``; on success it replaces ``path``, on failure it vanishes."""
    path = Path(path)
    _make_parent(path)
    if path.is_file():
        raise InputError(f"{path} is a file, but a folder is to be written there: move the file away")
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield scratch
        scratch.chmod(0o755)
        _take_place(scratch, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text atomically."""
    with atomic_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write JSON atomically, indented, keys in the order given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _take_place(scratch: Path, path: Path) -> None:
    """Put ``scratch`` at ``path``. An old folder is moved aside first: deleting it in place could stop half-way."""
    aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    old = aside / path.name
    try:
        if os.path.lexists(path):
            path.rename(old)
        scratch.rename(path)
    except BaseException:
        if os.path.lexists(old):
            old.rename(path)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _make_parent(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot create folder {path.parent} ({error.strerror}): choose a folder you may write to"
        ) from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(f"no permission to write in {path.parent}: change its permissions or choose another folder")
