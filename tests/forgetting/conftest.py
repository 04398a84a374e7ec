"""A project to forget somebody in."""

import shutil
from pathlib import Path

import pytest

from tests.forgetting.project import write_project


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def root(written: Path, tmp_path: Path) -> Path:
    """A project of the test's own."""
    return shutil.copytree(written, tmp_path / "project")


@pytest.fixture
def notes(root: Path) -> Path:
    """A log that the pipeline did not write as an output, with the name of a user in it."""
    path = root / ".prefect" / "flow.log"
    path.parent.mkdir()
    path.write_text("prepare: user_id 'anna' has no pairs\n")
    return path
