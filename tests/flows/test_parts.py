"""The bar of work in parts, with a Prefect server and while it is gone."""

import httpx
import pytest

from flows import bar
from flows.parts import PartBoard


class Prefect:
    """Takes artifacts; while it is ``gone`` a call waits for some ``seconds`` in vain."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gone, self.calls, self.now, self.shown = False, 0, 1000.0, []
        monkeypatch.setattr(bar, "create_progress_artifact", self.take)
        monkeypatch.setattr(bar, "update_progress_artifact", self.update)
        monkeypatch.setattr("flows.outage.monotonic", lambda: self.now)

    def take(self, share: float, key: str = "", description: str = "") -> str:
        self.calls += 1
        if self.gone:
            self.now += 60.0
            raise httpx.ConnectError("gone")
        self.shown.append((share, description))
        return "bar"

    def update(self, bar: str, share: float, description: str) -> None:
        assert bar == "bar"
        self.take(share, description=description)


@pytest.fixture
def prefect(monkeypatch: pytest.MonkeyPatch) -> Prefect:
    return Prefect(monkeypatch)


def test_every_part_moves_the_bar(prefect):
    board = PartBoard("bar", "users", total=4, done=1)
    board.advance(3)
    assert prefect.shown == [(25.0, "1 of 4 users"), (100.0, "4 of 4 users")]


def test_a_server_that_is_gone_stops_nothing_and_is_not_waited_for_every_time(prefect, caplog):
    prefect.gone = True
    board = PartBoard("bar", "users", total=100)
    for _ in range(50):
        board.advance(1)
    assert prefect.calls == 1 and caplog.text.count("the Prefect page lacks artifacts of bar: gone") == 1
    prefect.gone, prefect.now = False, prefect.now + 601.0
    board.advance(1)
    assert prefect.shown == [(51.0, "51 of 100 users")]


def test_at_the_end_it_is_tried_once_more(prefect):
    prefect.gone = True
    board = PartBoard("bar", "users", total=2)
    prefect.gone = False
    board.advance(1)
    board.advance(1)
    assert prefect.shown == [(100.0, "2 of 2 users")]


def test_other_errors_are_not_hidden(monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bar, "create_progress_artifact", broken)
    with pytest.raises(ZeroDivisionError):
        PartBoard("bar", "users", total=2)
