"""Rates: a moving window by a clock that nobody can set back, one for all processes."""

import fcntl
import multiprocessing
import random
from concurrent.futures import ThreadPoolExecutor

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


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_the_rate_is_that_of_all_processes_whoever_is_asked(clocks, tmp_path, processes):
    draw = random.Random(processes)
    each, alone = [Rates("3/second", tmp_path) for _ in range(processes)], Rates("3/second")
    for step in range(200):
        clocks.now = 1_000 + step * 0.07
        caller = draw.choice(["ada", "Ada"])
        assert draw.choice(each).take(caller) == alone.take(caller)


def test_one_process_may_use_up_the_whole_rate(clocks, tmp_path):
    rates, others = Rates("7/minute", tmp_path), [Rates("7/minute", tmp_path) for _ in range(9)]
    assert [rates.take("ada") for _ in range(7)] == [None] * 7
    assert [other.take("ada") for other in others] == [60.0] * 9


def test_no_two_processes_look_at_a_callers_places_at_once(tmp_path):
    rates = Rates("7/minute", tmp_path)
    rates.take("ada")
    [path] = tmp_path.iterdir()
    with path.open() as other, ThreadPoolExecutor(1) as thread:
        fcntl.flock(other, fcntl.LOCK_EX)
        taken = thread.submit(rates.take, "ada")
        with pytest.raises(TimeoutError):
            taken.result(0.1)
        fcntl.flock(other, fcntl.LOCK_UN)
        assert taken.result(10) is None


def passed(folder, start, counted):
    rates = Rates("50/hour", folder)
    start.wait()
    counted.put([rates.take("ada") is None for _ in range(40)].count(True))


def test_processes_at_once_let_as_many_pass_as_one(tmp_path):
    context = multiprocessing.get_context("fork")
    start, counted = context.Event(), context.Queue()
    running = [context.Process(target=passed, args=(tmp_path, start, counted)) for _ in range(3)]
    for process in running:
        process.start()
    start.set()
    assert sum(counted.get(timeout=30) for _ in running) == 50
    for process in running:
        process.join()


@pytest.mark.parametrize("text", ["often", "", "0/minute", "5", "1/minute;2/second", "-3/second"])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(InputError, match="600/minute"):
        Rates(text)
