"""Trainings of a moment each."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def nothing_old_is_collected() -> Iterator[None]:
    """Every training collects garbage, among all that other tests imported: half of its time."""
    import trl  # noqa: F401  # whose objects are the most

    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
