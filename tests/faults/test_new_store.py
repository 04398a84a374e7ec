"""The first publishing, which makes MLflow's store: killed or out of disk at any point, the next one completes it."""

import time
from pathlib import Path

import numpy as np
import pytest

from tests.system.machine import Machine, kill
from tests.system.published import PUBLISH, WHOLE, look
from tests.tracking.conftest import make_project

pytestmark = pytest.mark.system

LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
runpy.run_module("stages.publish", run_name="__main__")
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A trained project that nobody has published."""
    return Machine(make_project(tmp_path_factory.mktemp("trained") / "project"))


def store(machine: Machine) -> str:
    return f"sqlite:///{machine.folder}/mlruns/mlflow.db"


def left_beside(machine: Machine) -> list[Path]:
    return [path for path in (machine.folder / "mlruns").rglob(".*.tmp-*") if path.exists()]


@pytest.mark.parametrize("most", [8, 300, 800, 1000])
def test_a_full_disk_is_said_in_one_line_and_spoils_no_store(trained: Machine, most: int, tmp_path: Path) -> None:
    machine = trained.twin(tmp_path / "machine")
    failing = machine.start("-c", LIMITED, str(most * 1024))
    said, _ = failing.communicate()
    assert failing.returncode == 1 and said.splitlines()[-1].startswith("publish: "), said[-2000:]
    assert "could not be written (disk I/O error): free some space on its disk, or raise the limit" in said
    assert left_beside(machine) == []
    machine.run(*PUBLISH)
    assert look(machine, store(machine))[0] == WHOLE


def test_a_store_whose_making_was_killed_is_made_whole(trained: Machine, tmp_path: Path) -> None:
    machine = trained.twin(tmp_path / "machine")
    random, seconds = np.random.default_rng(11), 1.0
    for _ in range(6):
        publisher = machine.start(*PUBLISH)
        begun = time.monotonic()
        while not left_beside(machine) and publisher.poll() is None and time.monotonic() - begun < 60:
            time.sleep(0.02)  # until the making of the store begins
        time.sleep(random.uniform(0, seconds))
        kill(publisher)
        seconds *= 1.5
    machine.run(*PUBLISH)
    assert left_beside(machine) == [] and look(machine, store(machine))[0] == WHOLE
