"""Whose turn it is at a cache: planners one at a time, writers together, and none that was planned for earlier."""

import threading
from pathlib import Path

import pytest

from prefactor.backbones.turns import planning, writing
from prefactor.errors import InputError


def test_who_has_the_token_writes_and_others_do_not(tmp_path: Path) -> None:
    cache = tmp_path / "states" / "minilm"
    with planning(cache) as first:
        first.share()
        with writing(cache, first.token), writing(cache, first.token):
            pass
    with planning(cache) as second:
        second.share()
        with (
            pytest.raises(InputError, match=r"another run has taken over .*minilm: leave it to that"),
            writing(cache, first.token),
        ):
            pass
        with writing(cache, second.token):
            pass
    assert first.token != second.token
    assert not cache.exists() and [path.name for path in cache.parent.iterdir()] == [".minilm.lock"]


def test_who_plans_waits_for_those_who_write(tmp_path: Path) -> None:
    cache, planned = tmp_path / "minilm", threading.Event()
    with planning(cache) as turn:
        turn.share()

    def plan() -> None:
        with planning(cache):
            planned.set()

    with writing(cache, turn.token):
        waiting = threading.Thread(target=plan)
        waiting.start()
        assert not planned.wait(0.2)
    waiting.join(timeout=60)
    assert planned.is_set()
