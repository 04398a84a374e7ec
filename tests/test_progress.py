"""Progress: a live line in a terminal, plain lines in a log."""

import io
import sys

import pytest

from prefactor import progress as module
from prefactor.progress import Progress, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_line_says_rate_share_and_time_left() -> None:
    shown = Progress("embed", 200, "texts", io.StringIO(), done=50)
    assert shown.line(25.0, "loss 0.5") == "embed: 50/200 texts (25 %) | 2.0 texts/s | 1:15 left | loss 0.5"


def test_tokens_are_shown_as_a_rate_over_all_the_time() -> None:
    shown = Progress("embed", 200, "texts", io.StringIO())
    for _ in range(5):
        shown.advance(10, tokens=12_000)
    assert shown.line(25.0) == "embed: 50/200 texts (25 %) | 2.0 texts/s | 1:15 left | 2,400 tokens/s"


def test_hours_are_shown_as_hours() -> None:
    assert "2:46:40 left" in Progress("x", 10001, "steps", io.StringIO(), done=1).line(1.0)


@pytest.mark.parametrize(("done", "total"), [(0, 5), (0, 0), (7, 5)])
def test_no_count_breaks_the_line(done: int, total: int) -> None:
    line = Progress("x", total, "steps", io.StringIO(), done=done).line(2.0)
    assert f"{done}/{total}" in line
    assert "-" not in line, "time left is never negative"


def test_a_log_gets_a_line_every_ten_seconds(clock: Clock) -> None:
    stream = io.StringIO()
    shown = Progress("train", 60, "steps", stream, _started=clock.now, _shown=clock.now)
    for _ in range(60):
        clock.now += 1
        shown.advance()
    shown.finish()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 7
    assert lines[0] == "train: 10/60 steps (17 %) | 1.0 steps/s | 0:50 left"
    assert lines[-1] == "train: 60 steps in 1:00"


def test_a_terminal_gets_one_line_redrawn(clock: Clock) -> None:
    stream = Terminal()
    shown = Progress("train", 10, "steps", stream, _started=clock.now, _shown=clock.now)
    for _ in range(10):
        clock.now += 0.125
        shown.advance()
    shown.finish()
    assert stream.getvalue().count("\r\x1b[2K") == 6, "every 0.25 seconds, and at the end"
    assert stream.getvalue().count("\n") == 1


def test_an_error_starts_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(KeyError), progress("train", 10, "steps") as shown:
        shown.advance(3)
        raise KeyError
    assert stream.getvalue().endswith("train: stopped at 3/10 steps after 0:00\n")
    assert "10 steps in" not in stream.getvalue()


def test_empty_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("embed", 0, "texts"):
        pass
    assert capsys.readouterr().err == ""


def test_work_of_unknown_size_is_counted_without_a_share() -> None:
    assert Progress("read", None, "lines", io.StringIO(), done=7).line(2.0) == "read: 7 lines | 3.5 lines/s"
