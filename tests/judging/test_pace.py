"""Turns: never closer than the rate allows, and none during a pause."""

from collections.abc import Callable

import pytest

from prefactor.judging.pace import Pace
from tests.judging.clock import Clock


def moments(pace: Pace, clock: Clock, count: int, between: Callable[[], None] = lambda: None) -> list[float]:
    found = []
    for _ in range(count):
        pace.turn()
        found.append(clock.time - 1000)
        between()
    return found


def test_turns_are_a_distance_apart(clock: Clock) -> None:
    assert moments(Pace(30, clock.now, clock.sleep), clock, 4) == [0, 2, 4, 6]


def test_time_that_passed_anyway_is_not_waited_for_nor_saved_up(clock: Clock) -> None:
    pace = Pace(60, clock.now, clock.sleep)
    assert moments(pace, clock, 3, between=lambda: clock.sleep(5)) == [0, 5, 10]
    assert moments(pace, clock, 3) == pytest.approx([15, 16, 17])


def test_without_a_rate_nobody_waits(clock: Clock) -> None:
    assert moments(Pace(None, clock.now, clock.sleep), clock, 50) == [0] * 50 and not clock.slept


def test_a_pause_holds_everyone_and_is_never_cut_short(clock: Clock) -> None:
    pace = Pace(60, clock.now, clock.sleep)
    pace.hold(9)
    pace.hold(3)
    assert moments(pace, clock, 3) == [9, 10, 11]


def test_a_pause_that_begins_while_someone_waits_holds_them_too(clock: Clock) -> None:
    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if len(clock.slept) == 1:
            pace.hold(20)

    pace = Pace(60, clock.now, sleep)
    assert moments(pace, clock, 2) == [0, 21]
