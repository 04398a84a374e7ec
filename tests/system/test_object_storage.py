"""DVC's data in object storage: what one machine made, another fetches instead of making it again."""

from pathlib import Path

import pytest

from tests.flows.conftest import TinyProject
from tests.system.bucket import Bucket
from tests.system.machine import Machine

pytestmark = pytest.mark.system


@pytest.fixture
def first(bucket: Bucket, tmp_path: Path) -> Machine:
    """A machine that has built the pipeline and pushed what it made."""
    pytest.importorskip("dvc_s3", reason="needs the extra `scale`: pip install 'prefactor[scale]'")
    folder = tmp_path / "first"
    folder.mkdir()
    TinyProject(folder)
    machine = Machine(folder, bucket.environment)
    machine.run("-m", "dvc", "repro")
    machine.run("-m", "dvc", "remote", "add", "--default", "shared", bucket.url(f"dvc/{tmp_path.name}"))
    machine.run("-m", "dvc", "push", "--run-cache")
    return machine


def clone(first: Machine, folder: Path) -> Machine:
    """What `git clone` would bring to another machine: no outputs and no cache."""
    kept = ("dvc.yaml", "dvc.lock", "params.yaml", "prepare.py", "report.py", "stages/__init__.py", ".dvc/config")
    for name in kept:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((first.folder / name).read_bytes())
    return Machine(folder, first.environment)


def test_another_machine_pulls_and_has_nothing_to_run(first, tmp_path):
    second = clone(first, tmp_path / "second")
    second.run("-m", "dvc", "pull")
    assert "Data and pipelines are up to date" in second.run("-m", "dvc", "repro")
    assert (second.folder / "reports/index.html").read_text() == "<p>seen</p>"


def test_what_one_machine_ran_the_other_restores(first, tmp_path):
    """The run cache travels too: what was tried there is not run here, whatever dvc.lock says."""
    second = clone(first, tmp_path / "second")
    rewrite(first)
    assert "Running stage 'report'" in first.run("-m", "dvc", "repro")
    first.run("-m", "dvc", "push", "--run-cache")
    rewrite(second)
    second.run("-m", "dvc", "pull", "--run-cache")
    said = second.run("-m", "dvc", "repro", "--pull")
    assert "Stage 'report' is cached - skipping run" in said and "Running stage" not in said


def rewrite(machine: Machine) -> None:
    """A change that makes one stage run again."""
    script = machine.folder / "report.py"
    script.write_text(script.read_text().replace("seen", "seen again"))


def test_credentials_stay_in_the_environment(first, bucket, tmp_path):
    assert first.files_with(bucket.secret) == []
    stranger = Machine(clone(first, tmp_path / "stranger").folder, {"AWS_ENDPOINT_URL": bucket.endpoint})
    process = stranger.start("-m", "dvc", "pull", AWS_EC2_METADATA_DISABLED="true")
    said, _ = process.communicate()
    assert process.returncode != 0 and "credentials" in said.lower()
