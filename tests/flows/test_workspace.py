"""One rebuild at a time in one workspace."""

import subprocess
import sys

import pytest

from flows.environment import child_environment
from flows.workspace import exclusive, shared
from prefactor.errors import InputError


def test_a_second_rebuild_is_refused_until_the_first_has_ended(tmp_path):
    (tmp_path / ".dvc").mkdir()
    with exclusive(tmp_path), pytest.raises(InputError, match="another rebuild runs in"), exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        pass


def test_the_lock_lasts_as_long_as_a_child_that_holds_it(tmp_path):
    (tmp_path / ".dvc").mkdir()
    command = [sys.executable, "-c", "input()"]
    with exclusive(tmp_path) as lock:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, env=child_environment(), pass_fds=[lock])
    with pytest.raises(InputError), exclusive(tmp_path):
        pass
    child.communicate(b"\n")
    with exclusive(tmp_path):
        pass


def test_a_folder_without_dvc_is_named(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path} is not a DVC project"), exclusive(tmp_path):
        pass


def test_any_number_may_read_but_not_beside_a_rebuild(tmp_path):
    (tmp_path / ".dvc").mkdir()
    refused = pytest.raises(InputError, match="or a sweep that reads its data")
    with shared(tmp_path), shared(tmp_path), refused, exclusive(tmp_path):
        pass
    with exclusive(tmp_path), pytest.raises(InputError, match="a rebuild runs in"), shared(tmp_path):
        pass
