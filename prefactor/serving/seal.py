"""What every file of a folder hashes to, so that a model which was changed after it was packed is never served."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from prefactor.errors import InputError

CACHED = "__pycache__"  # Python's own, made wherever code is run


def digest(path: Path) -> str:
    """The file's SHA-256, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path, but: Sequence[str] = ()) -> dict[str, str]:
    """Relative path -> SHA-256 of every file below a folder, by path, but for the files and folders named.

    Links are refused: they may point anywhere.
    """
    return {name: digest(folder / name) for name in _names(folder, but)}


def check_files(folder: Path, expected: Mapping[str, str], fix: str, but: Sequence[str] = ()) -> None:
    """Raise InputError unless the folder holds exactly these files with these digests, but for those named.

    ``fix`` says what to do about it.
    """
    found = _names(folder, but)
    for names, what in ((expected.keys() - set(found), "lacks"), (set(found) - expected.keys(), "holds")):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            extra = ", which is no part of the model" if what == "holds" else ""
            raise InputError(f"{folder} {what} {min(names)}{more}{extra}: {fix}")
    for name in found:
        if (now := digest(folder / name)) != expected[name]:
            changed = f"its sha256 is {now[:12]}..., packed was {expected[name][:12]}..."
            raise InputError(f"{folder / name} was changed ({changed}): {fix}")


def _names(folder: Path, but: Sequence[str]) -> list[str]:
    """Relative paths of all files, but for some and what Python itself keeps of code. InputError for a link."""
    places = [path for path in folder.rglob("*") if not (path.parent.name == CACHED and path.suffix == ".pyc")]
    for path in (path for path in places if path.is_symlink()):
        raise InputError(f"{path} is a link, and a packed model has none: put the file itself there")
    names = sorted(path.relative_to(folder).as_posix() for path in places if path.is_file())
    return [name for name in names if not any(name == place or name.startswith(f"{place}/") for place in but)]
