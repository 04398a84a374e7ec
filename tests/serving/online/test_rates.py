"""Rates: a moving window by a clock that nobody can set back, of which each process has its share."""

import pytest

from prefactor.errors import InputError
from prefactor.serving.online import rates as module
from prefactor.serving.online.rates import Rates


class Clocks:
    """The monotonic clock in the test's hand; the clock on the wall goes backwards all the time."""

    def __init__(self, monkeypatch):
        self.now, self.wall = 1_000.0, 1e9
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)
        monkeypatch.setattr(module.time, "time", self.backwards)

    def backwards(self):
        self.wall -= 3_600
        return self.wall


@pytest.fixture
def clocks(monkeypatch):
    return Clocks(monkeypatch)


def test_no_window_of_that_length_ever_holds_more(clocks):
    rates, passed = Rates("5/second"), []
    for step in range(400):
        clocks.now = 1_000 + step * 0.03
        if rates.take("ada") is None:
            passed.append(clocks.now)
    assert all(later - first >= 1 - 1e-9 for first, later in zip(passed, passed[5:], strict=False))
    assert len(passed) >= 5 * 11


def test_who_has_to_wait_is_told_how_long(clocks):
    rates = Rates("2/minute")
    assert rates.take("ada") is None
    clocks.now += 10
    assert rates.take("ada") is None
    assert rates.take("ada") == pytest.approx(50)
    clocks.now += 49.9
    assert rates.take("ada") == pytest.approx(0.1)
    clocks.now += 0.2
    assert rates.take("ada") is None
    assert rates.take("ada") == pytest.approx(9.9)


def test_callers_do_not_use_up_each_others(clocks):
    rates = Rates("1/minute")
    assert rates.take("ada") is None and rates.take("ben") is None
    assert rates.take("ada") is not None and rates.take("ben") is not None


@pytest.mark.parametrize(("processes", "each"), [(1, 7), (2, 3), (3, 2), (50, 1)])
def test_processes_share_the_rate(clocks, processes, each):
    rates = Rates("7/minute", processes)
    assert [rates.take("ada") is None for _ in range(9)].count(True) == each


@pytest.mark.parametrize("text", ["often", "", "0/minute", "5", "1/minute;2/second", "-3/second"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(InputError, match="600/minute"):
        Rates(text)
