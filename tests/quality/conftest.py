"""A small sound dataset on disk, and its split."""

from collections.abc import Callable
from pathlib import Path

import pytest

from prefactor.splitting import SplitParameters, split
from tests.quality.small import make_preferences


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """The folder of a sound dataset."""
    folder = tmp_path / "data" / "prepared" / "small"
    make_preferences().save(folder)
    return folder


@pytest.fixture
def make_split(tmp_path: Path) -> Callable[[Path, str], Path]:
    """Splits prepared tables under a leakage rule, by the pipeline's own splitter."""

    def make(prepared: Path, leakage: str) -> Path:
        folder = tmp_path / "data" / "split" / "small"
        split(prepared, folder, SplitParameters(leakage=leakage), threads=1)  # type: ignore[arg-type]
        return folder

    return make
