"""A sweep that is killed again and again, wherever it is: every trial ends once, none that has ended is repeated."""

import time
from pathlib import Path

import numpy as np
import pytest

from flows.slots import set_slots
from tests.flows.conftest import server
from tests.flows.test_slots import remove
from tests.flows.test_sweep import await_files, noted, outcomes, root, run, started

__all__ = ["root", "server"]

pytestmark = pytest.mark.system

KILLS = 6
TRIALS = 9  # of the grid
AT_ONCE = 2


def kept(root: Path) -> dict[str, int]:
    """The outcomes that are written, and when they were."""
    return {path.name: path.stat().st_mtime_ns for path in (root / "data/sweeps/try/trials").glob("*.json")}


def test_nothing_is_lost_or_repeated(root: Path, server: str) -> None:
    (root / "died").touch()  # the trial that dies by itself has its own test
    random, before = np.random.default_rng(13), dict[str, int]()
    for _ in range(KILLS):
        begun = len(noted(root, "begun"))
        with started(root, server) as flow:
            while flow.poll() is None and len(noted(root, "begun")) == begun:
                time.sleep(0.01)  # until it has begun something
            time.sleep(random.uniform(0, 0.6))
            flow.kill()
        now = kept(root)
        assert before.items() <= now.items(), "an outcome was lost, or written again"
        assert len(outcomes(root)) == len(now), "each is whole"
        before = now
        remove("core")  # what it held would be free when its lease is up, after a minute
        set_slots({"core": AT_ONCE})
    assert 0 < len(before) < TRIALS, "it was through before the last kill, or never began"
    assert run(root).is_completed()
    assert before.items() <= kept(root).items()
    assert [outcome.number for outcome in outcomes(root)] == list(range(TRIALS))
    repeated = len(noted(root, "begun")) - TRIALS
    assert 0 < repeated <= KILLS * AT_ONCE, "only what ran when it was killed"
    await_files(root, "data/sweeps/try/*.html", 1)
