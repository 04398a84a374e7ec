"""A small project with one model that is served, and copies of it to be changed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.promotion import project as made
from tests.promotion.project import moved


@pytest.fixture(scope="session", autouse=True)
def _no_store_from_outside() -> Iterator[None]:
    """A store named in the environment is somebody's own: the tests make theirs."""
    named = os.environ.pop("MLFLOW_TRACKING_URI", None)
    yield
    if named is not None:
        os.environ["MLFLOW_TRACKING_URI"] = named


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 is served; read-only by agreement."""
    return made.published(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def challenged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 is served, and version 2, which is better, challenges it; read-only by agreement."""
    return made.challenged(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def badly_challenged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a worse one, which validated better."""
    return made.challenged(tmp_path_factory.getbasetemp(), better=False)


@pytest.fixture
def workspace(challenged: Path, tmp_path: Path) -> Path:
    """A copy of the challenged project."""
    return moved(tmp_path / "workspace", challenged)
