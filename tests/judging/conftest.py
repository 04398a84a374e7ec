"""What tests of judges share: an endpoint on loopback, and a clock that nobody has to wait for."""

from collections.abc import Iterator

import pytest

from tests.judging.clock import Clock
from tests.stub_judge import Stub, stub_judge


@pytest.fixture
def stub() -> Iterator[Stub]:
    with stub_judge() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()
