"""A DVC project small enough to run for real, and a Prefect server."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.environment import child_environment

SECONDS_FOR_A_SLOT = 60.0
DVC_YAML = """\
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py]
    outs: [a.txt]
  grow:
    matrix:
      to: [p, q]
    cmd: cp a.txt ${item.to}.txt
    deps: [a.txt]
    outs: ["${item.to}.txt"]
  report:
    cmd: python report.py
    deps: [p.txt, q.txt, report.py]
    params: [size]
    outs: [reports]
  aside:
    cmd: echo aside > aside.txt
    outs: [aside.txt]
"""
REPORT = """\
import pathlib
folder = pathlib.Path("reports")
for page in (folder / "index.html", folder / "data_docs" / "toy_set" / "tables" / "index.html"):
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("<p>seen</p>")
print("report written")
"""


class TinyProject:
    """Five trivial stages in a folder of their own; scripts can be replaced to make one fail or wait."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("dvc.yaml", DVC_YAML)
        self.write("params.yaml", "size: 1\n")
        self.write("prepare.py", "print('preparing')\nopen('a.txt', 'w').write('a')\n")
        self.write("report.py", REPORT)
        self.write("stages/__init__.py", "")  # a package, or the installed project's own stages would be found

        self.write("stages/publish.py", "print('published')\nopen('published.txt', 'a').write('once\\n')\n")
        self.write(".dvc/config", "[core]\n    no_scm = true\n    analytics = false\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def dvc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a real DVC command and keep all it says, in order."""
        return subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            cwd=self.root,
            env=child_environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect server of this process's own; yields the address of its API.

    It lacks the service that takes back slots whose holder was killed: ``fresh_slots`` has none of those, and whoever
    waits for one all the same is told so.
    """
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    home = tmp_path_factory.mktemp("prefect")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.slots.SECONDS_FOR_A_SLOT", SECONDS_FOR_A_SLOT)
        with temporary_settings({PREFECT_HOME: home}), prefect_test_harness(server_startup_timeout=300):
            yield PREFECT_API_URL.value()


@pytest.fixture
def tiny_project(tmp_path: Path) -> TinyProject:
    return TinyProject(tmp_path)


@pytest.fixture(scope="module")
def make_project(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], TinyProject]:
    """Makes projects that several tests of a module share."""
    return lambda: TinyProject(tmp_path_factory.mktemp("project"))
