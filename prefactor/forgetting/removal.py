"""One thing to be removed: where it is, what it is, and how that is done."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prefactor.errors import InputError


@dataclass(frozen=True)
class Removal:
    """``do`` removes ``what`` from ``place``; done twice it does no harm, and a file is whole at any moment."""

    place: Path
    what: str
    do: Callable[[], None]


def whole_folder(place: Path) -> Removal:
    """A folder that the pipeline makes anew."""
    return Removal(place, "the whole folder", lambda: _delete(place))


def whole_file(place: Path) -> Removal:
    """A file that nothing needs, or that the pipeline makes anew."""
    return Removal(place, "the whole file", lambda: place.unlink(missing_ok=True))


def _delete(folder: Path) -> None:
    """A linked folder's content too. Raises InputError if anything may not be deleted."""
    try:
        shutil.rmtree(folder.resolve())
        if folder.is_symlink():
            folder.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(
            f"{error.filename} cannot be deleted ({error.strerror}): delete it, then forget again"
        ) from error
