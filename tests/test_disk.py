"""A disk that takes no more is told from other errors, and the output that it is about is named."""

import errno
import os
import re
from pathlib import Path

import pytest

from prefactor.atomic import atomic_file, atomic_folder
from prefactor.disk import DiskError


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "No space left on device"), (errno.EDQUOT, "quota"), (errno.EROFS, "Read-only file system")],
)
def test_every_way_to_refuse_has_a_fix_and_the_output_a_name(number: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(DiskError) as failed, atomic_folder(tmp_path / "out"), atomic_file(tmp_path / "out2"):
        raise OSError(number, os.strerror(number))
    assert re.match(rf"{tmp_path}/out could not be written \(.*{said}.*\): ", str(failed.value))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "no such file"), ValueError("27"), OSError("odd")])
def test_other_errors_are_their_own(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as failed, atomic_folder(tmp_path / "out"):
        raise error
    assert failed.value is error and not list(tmp_path.iterdir())
