"""A trial's process, followed: what it says, how it ends, and who ends it."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from flows import trials
from flows.trials import NOTHING, Unwanted, Work, attempt
from prefactor.errors import InputError
from prefactor.sweeping.ledger import Ledger
from prefactor.sweeping.outcome import Outcome, State, complete
from prefactor.sweeping.settings import SweepSettings
from prefactor.sweeping.users import Users
from prefactor.sweeping.ways import Pruning
from tests.sweeping.tiny import in_memory

SETTINGS = SweepSettings("d", "b", "bt", "default", "grid", (0,), "off", (1,), 1, {"training": {}}, {"a": [1, 2]}, "0")
SAY = """\
import json, os, signal, sys, time
def say(kind, **values):
    print("@trial " + json.dumps({"kind": kind, **values}), flush=True)
def told(step, value):
    say("told", phase=0, step=step, seed=0, part="model", value=value, loss=0.5)
def done(mean):
    say("scored", seed=0, scores={"seen": 0.6, "mean": mean})
    say("done", memory_mb=12.5)
"""


class Bench:
    """Runs scripts as trials of one sweep, which this bench owns; keeps what they say to people."""

    def __init__(self, root: Path, pruning: Pruning = "off") -> None:
        self.root, self.ledger, self.said = root, in_memory(root / "sweep", pruning), list[str]()
        self.log: Callable[[str], None] = self.said.append
        self.ledger.owned_by("me")
        (root / "stages").mkdir()
        (root / "stages/__init__.py").touch()

    def run(self, script: str, environment: Mapping[str, str] = NOTHING) -> Outcome:
        (self.root / "stages/trial.py").write_text(SAY + script)
        work = Work(self.root, self.root / "sweep", SETTINGS, "", "me", "core")
        with open(os.devnull) as lock:
            found = attempt(self.ledger.begin({}, {}), work, self.ledger, lock.fileno(), self.log, environment)
        self.ledger.record(found)
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_a_trial_says_becomes_its_outcome(bench: Bench) -> None:
    found = bench.run("told(1, 0.5); print('reading'); told(2, 0.6); done(0.7)")
    expected = complete(0, {}, {"0": {"seen": 0.6, "mean": 0.7}})
    assert replace(found, curve=(), seconds=0.0, memory_mb=None) == expected
    assert [point.value for point in found.curve] == [0.5, 0.6] and found.memory_mb == 12.5 and found.seconds > 0
    assert bench.said == ["reading"]


def test_the_users_behind_its_score_become_an_interval(bench: Bench) -> None:
    one, two = ({"seen": [0.5, mean], "held_out": [0.4, mean], "shots": 2, "pairs": 16} for mean in (0.6, 0.8))
    script = (
        f"for users in ({one}, {two}):\n    say('scored', seed=users['seen'][1], scores={{'mean': 0.5}}, users=users)\n"
    )
    found = bench.run(script + "say('done', memory_mb=1.0)")
    assert found.users == Users((0.5, 0.7), (0.4, 0.7), 2, 16)
    assert (found.low, found.high) == pytest.approx((found.users.interval.low, found.users.interval.high))


def test_its_process_sees_the_gpu_that_it_was_given(bench: Bench) -> None:
    script = "print(os.environ['CUDA_VISIBLE_DEVICES'], os.environ['OMP_NUM_THREADS'], flush=True); done(0.7)"
    bench.run(script, {"CUDA_VISIBLE_DEVICES": "3"})
    assert bench.said == ["3 1"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("say('failed', reason='the loss is nan'); sys.exit(1)", "the loss is nan"),
        ("sys.exit('no such key')", "ended with status 1: no such key"),
        ("told(1, 0.5)", "ended with status 0: it gave no reason"),  # it left without a word of being done
        ("print('std::bad_alloc', flush=True); os.abort()", "out of memory"),
        ("raise MemoryError", "out of memory"),
    ],
)
def test_whatever_ends_a_trial_is_its_reason(bench: Bench, script: str, reason: str) -> None:
    found = bench.run(script)
    assert (found.state, found.score, found.reason) == (State.FAILED, None, reason)


def test_a_trial_that_is_killed_is_run_again_but_not_for_ever(bench: Bench) -> None:
    die = "os.kill(os.getpid(), signal.SIGKILL)"
    found = bench.run(f"if not os.path.exists('died'):\n    open('died', 'w').close(); {die}\ndone(0.7)")
    assert found.state is State.COMPLETE and bench.said == ["trial 0 was killed: it is run again"]
    found = bench.run(die)
    assert found.state is State.FAILED and found.reason.startswith("killed 2 times: perhaps")


def test_a_trial_that_does_worse_is_ended_where_it_stands(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "halving")
    assert bench.run("told(1, 0.9); told(2, 0.9); done(0.9)").state is State.COMPLETE
    found = bench.run("open('pid', 'w').write(str(os.getpid())); told(1, 0.8); told(2, 0.8); time.sleep(60)")
    assert found.state is State.PRUNED and len(found.curve) == 2
    assert found.reason == "0.8000 at validation 2, where others did better"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_data_that_changed_stop_the_sweep_and_not_the_trial_alone(bench: Bench) -> None:
    with pytest.raises(InputError, match="the split has changed"):
        bench.run("say('changed', reason='the split has changed'); time.sleep(60)")
    assert bench.ledger.unfinished() == [0]


def test_a_trial_that_nobody_waits_for_ends_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "SECONDS_BETWEEN_LOOKS", 0.05)
    bench.log = lambda line: bench.ledger.owned_by("another")
    with pytest.raises(Unwanted):
        bench.run("print('I am here', flush=True); time.sleep(60)")
    assert bench.ledger.unfinished() == [0]


@pytest.mark.system
def test_a_real_trial_with_too_little_memory_fails_for_that_reason(tmp_path: Path) -> None:
    from flows.environment import child_environment
    from prefactor.sweeping.ledger import open_ledger
    from tests.sweeping.tiny import make_data, settings

    root = make_data(tmp_path)
    project = Path(__file__).resolve().parents[2]
    for name in ("prefactor", "stages"):
        (root / name).symlink_to(project / name)
    subprocess.run([sys.executable, "-c", "import stages.trial"], cwd=root, env=child_environment(), check=True)
    folder = root / "data/sweeps/try"
    with open_ledger(folder, "", "off") as ledger, open(os.devnull) as lock:
        ledger.owned_by("me")
        for memory_gb, state in ((0.03, State.FAILED), (4.0, State.COMPLETE)):
            work = Work(root, folder, settings(root), "", "me", "core", memory_gb)
            found = attempt(ledger.begin({}, {}), work, ledger, lock.fileno(), print)
            assert found.state is state and found.reason == ("out of memory" if memory_gb < 1 else "")


def test_ledgers_of_several_processes_agree(tmp_path: Path) -> None:
    from prefactor.sweeping.ledger import open_ledger

    with open_ledger(tmp_path, "", "off") as flow, open_ledger(tmp_path, "", "off") as lane:
        flow.begin({}, {})
        lane.record(complete(0, {}, {"0": {"mean": 0.5}}))
        assert flow.unfinished() == [] and isinstance(flow, Ledger)
