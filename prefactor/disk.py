"""A disk that takes no more: full, at a quota, or at a limit on the size of files.

Libraries say so each in their own way: by an error number, in the system's words, or only by how much was written.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefactor.errors import InputError

FREE, LIFT = "free some space on its disk", "raise the limit on the size of files (`ulimit -f`)"
FIXES = {
    errno.ENOSPC: FREE,
    errno.EDQUOT: "free some space within its quota",
    errno.EFBIG: LIFT,
    errno.EROFS: "make its disk writable again",
}
SHORT = re.compile(r"\d+ requested and \d+ written")  # numpy
SQLITE = re.compile(r"sqlite3\.OperationalError\) (disk I/O error|database or disk is full)")


class DiskError(InputError):
    """An output was not written whole: ``reason`` is what the system says, ``fix`` what to do."""

    def __init__(self, path: Path, reason: str, fix: str) -> None:
        super().__init__(f"{path} could not be written ({reason}): {fix}, then run this again")
        self.reason, self.fix = reason, fix


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Raise DiskError, which names ``path``, where the disk takes no more in the block; other errors pass."""
    try:
        yield
    except DiskError as error:  # of a part of this output
        raise DiskError(path, error.reason, error.fix) from error
    except Exception as error:
        if (refused := _refusal(error)) is None:
            raise
        raise DiskError(path, *refused) from error


def _refusal(error: Exception) -> tuple[str, str] | None:
    """What the system said and what to do, if it is this that the error is about."""
    if isinstance(error, InputError):
        return None
    known = error.errno if isinstance(error, OSError) else None
    for number, fix in FIXES.items():
        if known == number or (known is None and os.strerror(number) in str(error)):
            return os.strerror(number), fix
    if isinstance(error, OSError) and SHORT.fullmatch(str(error)):
        return f"of its values, {error}", f"{FREE}, or {LIFT}"
    if found := SQLITE.search(str(error)):
        return found[1], f"{FREE}, or {LIFT}"
    return None
