"""Two rebuilds in one folder: the second is refused in words, the first is not disturbed."""

import os
import signal
from pathlib import Path

import pytest

from tests.faults.running_dvc import WAITING, await_stage, stages_run, start_repro
from tests.flows.conftest import TinyProject, server

__all__ = ["server"]


@pytest.fixture
def project(tmp_path: Path) -> TinyProject:
    """Its first stage waits for a file ``go``."""
    made = TinyProject(tmp_path)
    made.write("prepare.py", WAITING)
    return made


def test_a_second_repro_is_refused_and_names_the_first(project: TinyProject) -> None:
    with start_repro(project.root) as first:
        await_stage(project.root)
        second = project.dvc("repro")
        project.write("go", "")
        said, _ = first.communicate()
    assert second.returncode != 0 and "is busy, it is being blocked by" in second.stdout
    assert str(first.pid) in second.stdout and stages_run(second.stdout) == []
    assert first.returncode == 0 and stages_run(said) == ["prepare", "grow@p", "grow@q", "report", "aside"]
    assert (project.root / "a.log").read_text() == "ran\n"


@pytest.mark.system
def test_a_flow_beside_a_repro_fails_with_those_words_and_publishes_nothing(project: TinyProject, server: str) -> None:
    from flows.rebuild import rebuild

    with start_repro(project.root) as first:
        await_stage(project.root)
        state = rebuild(root=project.root, return_state=True)
        project.write("go", "")
        first.communicate()
    assert state.is_failed() and f"(PID {first.pid})" in str(state.message)
    assert first.returncode == 0 and not (project.root / "published.txt").exists()
    assert rebuild(root=project.root, return_state=True).is_completed()
    assert (project.root / "a.log").read_text() == (project.root / "published.txt").read_text().replace("once", "ran")


@pytest.mark.system
def test_a_stage_that_outlives_its_dvc_spoils_nothing(project: TinyProject) -> None:
    with start_repro(project.root) as first:
        orphan = await_stage(project.root)
        first.send_signal(signal.SIGKILL)
        first.wait()
        os.kill(orphan, 0)  # it runs on
        project.write("go", "")
        again = project.dvc("repro")
        first.communicate()
    assert again.returncode == 0 and stages_run(again.stdout)[:1] == ["prepare"]
    assert stages_run(project.dvc("repro").stdout) == []
    assert (project.root / "q.txt").read_text() == "a"
