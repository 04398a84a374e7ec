"""A clock that is set back, or was wrong: nothing waits for it, and what it has stamped is only ever shown."""

import ast
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime
from pathlib import Path
from typing import Self

import pytest

from flows.environment import child_environment
from prefactor.judging.endpoint import Judge, JudgeParameters, NoAnswerError
from prefactor.promotion.decision import PROMOTED, ROLLED_BACK
from prefactor.promotion.loading import load_version
from prefactor.promotion.promoting import promote
from prefactor.promotion.rollback import rollback
from prefactor.tracking.aliases import aliases_of
from prefactor.tracking.store import client_of
from tests.faults.running_dvc import stages_run
from tests.flows.conftest import TinyProject
from tests.promotion.killing import killed_before_write
from tests.promotion.project import DATASET, NAME, challenged, moved
from tests.stub_judge import Fault, stub_judge
from tests.tracking.conftest import make_project

ROOT = Path(__file__).parents[2]
WALL = {
    "time.time",
    "time.time_ns",
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "date.today",
    "time.localtime",
}
STAMPS = {"st_mtime", "st_mtime_ns", "st_ctime", "st_ctime_ns", "getmtime", "getctime"}
SHOWN = {  # where the clock on the wall is read, and why a wrong one does no harm
    "prefactor/evaluation/latency.py": "the day of a measurement, in the report",
    "prefactor/judging/endpoint.py": "beside a date to come back at, of an answer that does not say when it was sent",
    "prefactor/tracking/live.py": "when a point of a curve was reported; MLflow orders points by their step",
    "prefactor/tracking/measures.py": "when a run was published; all of its points have one time",
    "prefactor/tracking/sweeps.py": "the same of a trial's points",
}


def clocks(path: Path) -> set[str]:
    """Names by which a file asks what time it is, or when a file was changed."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            found |= {f"{owner}.{node.attr}"} & WALL | {node.attr} & STAMPS
    return found


def test_durations_and_deadlines_are_of_a_clock_that_nobody_sets() -> None:
    files = (path for room in ("prefactor", "stages", "flows") for path in (ROOT / room).rglob("*.py"))
    found = {path.relative_to(ROOT).as_posix() for path in files if clocks(path)}
    assert found <= set(SHOWN), "say in SHOWN why a clock that is set back does no harm there, or use time.monotonic"


def test_dvc_sees_changes_whatever_the_dates_of_files(tmp_path: Path) -> None:
    project, year = TinyProject(tmp_path), 365 * 24 * 3600
    script = tmp_path / "prepare.py"
    os.utime(script, (time.time() + year,) * 2)
    assert stages_run(project.dvc("repro", "prepare").stdout) == ["prepare"]
    os.utime(tmp_path / "a.txt", (time.time() + year,) * 2)
    project.write("prepare.py", script.read_text().replace("'a')", "'b')"))
    os.utime(script, (time.time() - year,) * 2)  # of the same size, and older than what it makes
    assert stages_run(project.dvc("repro", "prepare").stdout) == ["prepare"]
    assert (tmp_path / "a.txt").read_text() == "b"
    assert stages_run(project.dvc("repro", "prepare").stdout) == []


class Slow(datetime):
    """A clock that is ten years behind."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) - timedelta(days=3653)


def test_a_judge_says_when_to_come_back_by_its_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    monkeypatch.setattr("prefactor.judging.endpoint.datetime", Slow)
    with stub_judge() as stub:
        stub.faults.append(Fault(429, {"Retry-After": later}))
        with pytest.raises(NoAnswerError) as refused:
            Judge(JudgeParameters(url=stub.url, model="small"), "judge").answer("?")
    assert refused.value.wait is not None and 60 < refused.value.wait <= 90


NEVER = 10_000  # a write that does not come
BACKWARDS = """\
import time
real, calls = time.time, 0
def backwards():
    global calls
    calls += 1
    return real() - 3600 * calls
time.time = backwards
time.time_ns = lambda: int(backwards() * 1e9)
"""  # an hour at every look


@pytest.mark.system
def test_what_is_published_while_the_clock_runs_backwards_is_there_once(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(BACKWARDS)
    path = os.pathsep.join([str(tmp_path / "clock"), str(ROOT)])
    environment = {**child_environment(), "PYTHONPATH": path, "MLFLOW_TRACKING_URI": ""}
    said = []
    for _ in range(2):
        command = [sys.executable, "-m", "stages.publish"]
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert "runs: 3 added, 0 already there" in said[0] and "version 1 (new)" in said[0]
    assert "runs: 0 added, 3 already there" in said[1] and "version 1 (unchanged)" in said[1]


@pytest.mark.system
def test_promoted_and_rolled_back_while_the_clock_runs_backwards(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    root = moved(tmp_path / "project", challenged(tmp_path_factory.getbasetemp()))

    def there_and_back() -> None:
        exec(BACKWARDS, {})
        promote(root, DATASET)
        rollback(root, DATASET)
        promote(root, DATASET, challenger="2")

    assert not killed_before_write(NEVER, there_and_back)
    client = client_of(f"sqlite:///{root}/mlruns/mlflow.db")
    assert aliases_of(client, NAME) == {"champion": "2", "previous": "1"}
    runs = client.search_runs([client.get_experiment_by_name("prefactor-tiny-decisions").experiment_id])
    assert sorted(run.data.tags["prefactor.decision"] for run in runs) == [PROMOTED, PROMOTED, ROLLED_BACK]
    assert all(run.info.end_time < run.info.start_time for run in runs), "the clock did run backwards"
    assert load_version(client, NAME).version == "2"
