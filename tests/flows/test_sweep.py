"""The flow `sweep` on a real local Prefect server: trials that are scripts; ledger and params.yaml are real."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import Mock

import pytest
import yaml
from prefect.exceptions import CancelledRun

from flows.environment import child_environment
from flows.slots import set_slots
from flows.sweep import _alone, _keep_winner, _rebuild, _shown, main
from flows.trials import Work
from flows.workspace import Busy, exclusive, shared
from prefactor.sweeping.outcome import Outcome, read_outcomes
from tests.flows.test_slots import fresh_slots
from tests.sweeping.tiny import in_memory, make_data, settings

PROJECT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120.0
NOWHERE = "sqlite:////proc/nowhere/mlflow.db"  # a store that is gone
NAN = "the loss is nan at step 7 of seed 0"
FAILS, DIES_ONCE = 6, 7  # of the grid
HOPELESS = 2
# Better the nearer learning rate and dropout are to 0.1; one fails, one is killed the first time.
TRIAL = """\
import json, os, signal, sys, time
order = json.load(open(sys.argv[1]))
number, changes = order["number"], order["changes"]
def note(what):
    with open(what + ".log", "a") as log:
        log.write(f"{number}\\n")
def say(kind, **values):
    print("@trial " + json.dumps({"kind": kind, **values}), flush=True)
note("begun")
rate, dropout = changes.get("training.learning_rate", 0.01), changes.get("model.basis.dropout", 0.0)
if (rate, dropout) == (0.001, 0.2):
    say("failed", reason="NAN")
    sys.exit(1)
if (rate, dropout) == (0.01, 0.2) and not os.path.exists("died"):
    open("died", "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
time.sleep(float(os.environ.get("TRIAL_SECONDS", 0)))
score = 0.9 - abs(rate - 0.1) - abs(dropout - 0.1)
say("told", phase=0, step=1, seed=0, part="model", value=score, loss=0.5)
say("scored", seed=0, scores={"seen": score, "mean": score})
note("done")
say("done", memory_mb=12.5)
""".replace("NAN", NAN)
PIPELINE = """\
stages:
  evaluate:
    matrix:
      dataset: ${run.datasets}
      backbone: ${run.backbones}
      method: ${run.methods}
      variant: ${run.variants}
    cmd: cp params.yaml evaluated.txt
    params: ["methods.${item.method}.${item.variant}"]
    outs: [evaluated.txt]
  compare:
    cmd: cp evaluated.txt compared.txt
    deps: [evaluated.txt]
    outs: [compared.txt]
"""


@pytest.fixture
def root(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny project whose trials are scripts, two slots, and an MLflow store that is gone."""
    make_data(tmp_path)
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/__init__.py").touch()
    (tmp_path / "stages/trial.py").write_text(TRIAL)
    (tmp_path / ".dvc/tmp").mkdir()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
    monkeypatch.setattr("flows.sweep.SECONDS_AT_THE_END", 0.5)
    monkeypatch.setattr("flows.sweep.SECONDS_TO_STOP", 0.5)
    fresh_slots(core=2)
    return tmp_path


def run(root: Path, **parameters: object):
    """Run the flow to its end and return its final state."""
    from flows.sweep import sweep

    given = {"dataset": "tiny", "backbone": "random", "method": "bt", "how": "grid", "pruning": "off", "slot": "core"}
    return sweep(**{**given, "name": "try", "root": root, **parameters}, return_state=True)


def outcomes(root: Path) -> list[Outcome]:
    return read_outcomes(root / "data/sweeps/try")


def noted(root: Path, what: str) -> list[int]:
    path = root / f"{what}.log"
    return sorted(int(line) for line in path.read_text().splitlines()) if path.exists() else []


def artifacts(state) -> dict[str, dict]:
    """The artifacts of one run by key."""
    from prefect.client.orchestration import get_client

    mine = {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}
    with get_client(sync_client=True) as client:
        found = client.request("POST", "/artifacts/filter", json={"artifacts": mine}).raise_for_status().json()
    return {artifact["key"]: artifact for artifact in found}


def test_a_grid_is_swept_whole_its_winner_written_and_shown(root: Path) -> None:
    state = run(root, write_winner=True)
    assert state.is_completed(), state.message
    found = outcomes(root)
    assert [outcome.number for outcome in found] == list(range(9))  # the grid's ninth is the variant as it stands
    assert {outcome.number: outcome.reason for outcome in found if outcome.reason} == {FAILS: NAN}
    assert noted(root, "done") == [number for number in range(9) if number != FAILS]
    assert noted(root, "begun") == sorted([*range(9), DIES_ONCE])
    text = (root / "params.yaml").read_text()
    written = yaml.safe_load(text)["methods"]["bt"]["default"]
    assert text.startswith("# What is run.\n")
    assert (written["training"]["learning_rate"], written["model"]["basis"]["dropout"]) == (0.1, 0.1)
    left = artifacts(state)
    assert set(left) == {f"sweep-{what}-try" for what in ("progress", "trials", "summary", "report", "winner")}
    rows = json.loads(left["sweep-trials-try"]["data"])
    assert len(rows) == 9 and rows[0]["score"] == "90.00 %" and rows[-1]["state"] == "failed"
    assert left["sweep-progress-try"]["data"] == 100.0
    assert "learning_rate: 0.01 -> 0.1" in left["sweep-winner-try"]["data"]
    assert "8 complete, 1 failed" in (root / "data/sweeps/try/report.html").read_text()


@pytest.mark.system
def test_a_sweep_goes_on_with_more_trials_and_is_refused_with_other_settings(root: Path) -> None:
    (root / "died").touch()  # nobody is killed here
    assert run(root, how="random", trials=1).is_completed()
    assert run(root, how="random", trials=2, workers=1).is_completed()
    assert noted(root, "begun") == [outcome.number for outcome in outcomes(root)] == [0, 1, 2]
    state = run(root, how="random", trials=2, seeds=[3])
    assert state.is_failed() and "begun with other settings (seeds was [0], now [3])" in state.message


@pytest.mark.system
def test_a_flow_that_was_killed_goes_on_where_it_was(root: Path, server: str) -> None:
    (root / "died").touch()
    with started(root, server) as flow:
        await_files(root, "data/sweeps/try/trials/*.json", 3)
        flow.send_signal(signal.SIGKILL)
        said, _ = flow.communicate(timeout=PATIENCE_SECONDS)
    kept = {path: path.stat().st_mtime_ns for path in (root / "data/sweeps/try/trials").iterdir()}
    assert 3 <= len(kept) < 9, said
    fresh_slots(core=2)  # the two that it held would be free when their lease is up, after a minute
    assert run(root).is_completed()
    assert [outcome.number for outcome in outcomes(root)] == list(range(9))
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())
    again = {number for number in range(9) if noted(root, "begun").count(number) > 1}
    assert len(again) <= 2 and not again & {int(path.stem) for path in kept}  # only what ran then


def test_what_cannot_run_is_refused_before_anything_is_trained(root: Path) -> None:
    set_slots({"core": 0})
    assert "the limit 'core' on the Prefect server allows 0 slots" in run(root).message
    set_slots({"core": 2})
    assert "the grid has 9 configurations, but trials is 3" in run(root, trials=3).message
    assert "run.methods has no 'bt'" in run(without_bt(root), rebuild=True).message
    with exclusive(root):
        assert "a rebuild runs in" in run(root).message
    with _alone(root / "data/sweeps/try"):
        assert "sweep 'try' runs already" in run(root).message
    assert noted(root, "begun") == []


@pytest.mark.system
def test_a_mistake_that_fails_every_trial_is_said_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.sweep_course.HOPELESS", HOPELESS)
    (root / "stages/trial.py").write_text("import sys; sys.exit('there is no such key')\n")
    state = run(root)
    assert state.is_failed() and f"all of the first {HOPELESS} trials failed" in state.message
    assert "there is no such key" in state.message and len(outcomes(root)) < 9


def test_a_winner_on_a_level_with_what_stands_is_not_written_and_the_data_are_kept_until_then(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(work: Work, outcomes: list[Outcome]) -> None:
        with pytest.raises(Busy), exclusive(root):
            pass
        _keep_winner(work, outcomes)

    monkeypatch.setattr("flows.sweep._keep_winner", keep)
    (root / "stages/trial.py").write_text(TRIAL.replace("0.9 - abs(rate - 0.1) - abs(dropout - 0.1)", "0.5"))
    before = (root / "params.yaml").read_text()
    state = run(root, how="random", trials=2, write_winner=True)
    assert state.is_completed() and (root / "params.yaml").read_text() == before
    assert "nothing: no score is above" in artifacts(state)["sweep-winner-try"]["data"]


def test_a_rebuild_that_others_keep_out_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".dvc").mkdir()
    tried: list[object] = []

    def rebuild(targets: object, root: Path) -> None:
        tried.append(targets)
        if len(tried) == 1:  # another sweep was faster, between the look and the rebuild
            with shared(root), exclusive(root):
                pass

    monkeypatch.setattr("flows.sweep.rebuild_flow", rebuild)
    monkeypatch.setattr("flows.sweep.SECONDS_BETWEEN_LOOKS", 0.0)
    monkeypatch.setattr("flows.sweep.get_run_logger", lambda: logging.getLogger("test"))
    _rebuild(tmp_path, ["compare"])
    assert tried == [["compare"], ["compare"]]


@pytest.mark.parametrize(
    ("error", "ended"),
    [(None, "FINISHED"), (ValueError("x"), "FAILED"), (CancelledRun("x"), "KILLED"), (KeyboardInterrupt(), "KILLED")],
)
def test_mlflow_is_told_how_a_sweep_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException | None, ended: str
) -> None:
    make_data(tmp_path)
    news = Mock()
    monkeypatch.setattr("flows.sweep.SweepNews", lambda *_: news)
    monkeypatch.setattr("flows.sweep.SweepBoard", Mock())
    monkeypatch.setattr("flows.sweep.get_run_logger", lambda: logging.getLogger("test"))
    folder = tmp_path / "data/sweeps/try"
    work = Work(tmp_path, folder, settings(tmp_path), "", "me", "core")
    expected = nullcontext() if error is None else pytest.raises(type(error))
    with expected, _shown(in_memory(folder, "off"), work, 3):
        if error is not None:
            raise error
    assert news.close.call_args.args[-1].value == ended


def test_a_trial_takes_a_core_unless_a_gpu_is_asked_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.sweep import sweep

    assert sweep.parameters.properties["slot"]["default"] == "core"
    fresh_slots(gpu=1)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(root))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    note = "open('gpu.log', 'a').write(os.environ.get('CUDA_VISIBLE_DEVICES', 'any') + '\\n')\n"
    (root / "stages/trial.py").write_text("import os\n" + note + TRIAL)
    assert run(root, how="random", trials=1, slot="gpu").is_completed()
    assert (root / "gpu.log").read_text() == "0\n0\n"


def test_parameters_make_a_form() -> None:
    from flows.sweep import sweep

    properties = sweep.parameters.properties
    assert all(field.get("description") for field in properties.values())
    assert properties["how"]["enum"] == ["grid", "tpe", "random"] and "vrf" in properties["method"]["enum"]
    assert properties["seeds"]["items"] == {"type": "integer"} and properties["write_winner"]["type"] == "boolean"


def test_the_command_line_takes_the_same_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {}
    monkeypatch.setattr("flows.sweep.sweep", given.update)
    main(["method=bt", "seeds=[0, 1]", "memory_gb=2.5", "name=first"])
    assert given == {"method": "bt", "seeds": [0, 1], "memory_gb": 2.5, "name": "first"}
    with pytest.raises(SystemExit, match="give every parameter as NAME=VALUE"):
        main(["method"])


@pytest.mark.system
def test_trials_in_processes_of_a_cluster_are_the_same(root: Path) -> None:
    state = run(root, where="processes")
    assert state.is_completed(), state.message
    assert [outcome.number for outcome in outcomes(root)] == list(range(9))
    assert noted(root, "begun") == sorted([*range(9), DIES_ONCE])


@pytest.mark.system
def test_a_sweep_that_is_cancelled_takes_its_trials_with_it_at_once(root: Path, server: str) -> None:
    (root / "stages/trial.py").write_text("import os, time; open(str(os.getpid()), 'w').close(); time.sleep(60)\n")
    with started(root, server) as flow:
        await_files(root, "[0-9]*", 2)
        asked = time.monotonic()
        flow.send_signal(signal.SIGTERM)
        flow.communicate(timeout=PATIENCE_SECONDS)
    assert time.monotonic() - asked < 40  # and not the minute that a trial would take
    for path in root.glob("[0-9]*"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.name), 0)
    with exclusive(root), _alone(root / "data/sweeps/try"):
        assert outcomes(root) == []


@pytest.mark.system
def test_the_winner_is_rebuilt_and_published(root: Path) -> None:
    for folder in ("data", ".dvc/tmp"):
        (root / folder).mkdir(exist_ok=True)
    (root / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "stages/publish.py").write_text("open('published.txt', 'w').write('once')\n")
    state = run(root, rebuild=True)
    assert state.is_completed(), state.message
    assert "learning_rate: 0.1" in (root / "evaluated.txt").read_text() and (root / "compared.txt").exists()
    assert (root / "published.txt").read_text() == "once"


@pytest.mark.system
def test_real_trials_are_shown_in_a_real_store(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("trial.py", "__init__.py"):
        (root / "stages" / name).unlink()
    (root / "stages").rmdir()
    for name in ("prefactor", "stages"):
        (root / name).symlink_to(PROJECT / name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.setattr("flows.sweep.SECONDS_AT_THE_END", PATIENCE_SECONDS)
    state = run(root, how="tpe", trials=3, seeds=[0, 1], pruning="median")
    assert state.is_completed(), state.message
    assert all(set(outcome.seeds) == {"0", "1"} and outcome.curve for outcome in outcomes(root))
    from prefactor.tracking.store import connected, experiment

    with connected(root, f"sqlite:///{tmp_path}/mlflow.db") as client:
        shown = client.search_runs([experiment(client, "tiny")])
    assert len(shown) == 5 and "/runs/" in artifacts(state)["sweep-mlflow-try"]["data"]


def without_bt(root: Path) -> Path:
    """The project with a pipeline that trains something else."""
    text = (root / "params.yaml").read_text()
    (root / "params.yaml").write_text(text.replace("methods:\n  - bt", "methods:\n  - vrf"))
    return root


@contextmanager
def started(root: Path, server: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The flow in a process of its own."""
    script = "from tests.flows.test_sweep import run; from pathlib import Path; import sys; run(Path(sys.argv[1]))"
    environment = {**child_environment(), "PREFECT_API_URL": server, "PYTHONPATH": str(PROJECT), "TRIAL_SECONDS": "0.2"}
    command = [sys.executable, "-c", script, str(root)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as flow:
        try:
            yield flow
        finally:
            flow.kill()


def await_files(root: Path, pattern: str, number: int) -> None:
    """Wait until there are so many files of a pattern."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len([*root.glob(pattern)]) < number:
        assert time.monotonic() < deadline, f"no {number} of {pattern} within {PATIENCE_SECONDS:.0f} s"
        time.sleep(0.02)
