"""A leashed command ends with the process that started it, however that one ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows import leash
from flows.environment import child_environment
from flows.leash import leashed, run_leashed

# A shell that leaves a child of its own behind, as `dvc repro` does with a stage; both write their ids.
FAMILY = "sleep 300 & echo $! > child.pid; echo $$ > parent.pid; echo ready; wait"


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended but was not yet collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def pids(folder: Path) -> list[int]:
    return [int((folder / name).read_text()) for name in ("child.pid", "parent.pid")]


def await_end(numbers: list[int], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(alive, numbers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(alive, numbers))


def test_lines_come_as_they_are_printed_and_the_status_is_the_commands(tmp_path):
    lines: list[str] = []
    command = ["sh", "-c", "echo one; echo two >&2; printf three; exit 7"]
    assert run_leashed(command, lines.append, folder=tmp_path, environment=child_environment()) == 7
    assert lines == ["one", "two", "three"]


def test_status_of_a_killed_command_is_a_shells(tmp_path):
    command = ["sh", "-c", "kill -9 $$"]
    assert run_leashed(command, print, folder=tmp_path, environment=child_environment()) == 128 + signal.SIGKILL


def test_an_exception_ends_the_whole_family(tmp_path):
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_leashed(["sh", "-c", FAMILY], interrupt, folder=tmp_path, environment=child_environment())
    assert await_end(pids(tmp_path))


def test_a_command_that_ends_leaves_nobody_behind(tmp_path):
    script = "sleep 300 > /dev/null 2>&1 & echo $! > child.pid; echo $$ > parent.pid"
    assert run_leashed(["sh", "-c", script], print, folder=tmp_path, environment=child_environment()) == 0
    assert await_end(pids(tmp_path))


def test_killing_the_starter_outright_ends_the_whole_family(tmp_path):
    starter = (
        "from pathlib import Path; from flows.leash import run_leashed; import os\n"
        f"run_leashed(['sh', '-c', {FAMILY!r}], print, folder=Path({str(tmp_path)!r}), environment=os.environ)"
    )
    environment = {**child_environment(), "PYTHONPATH": str(Path(leash.__file__).parent.parent)}
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout.readline() == b"ready\n"
        family = pids(tmp_path)
        assert all(map(alive, family))
        process.kill()
    assert await_end(family)


def test_a_command_that_ignores_being_asked_is_killed(tmp_path, monkeypatch):
    source = Path(leash.__file__).read_text().replace("GRACE_SECONDS = 10.0", "GRACE_SECONDS = 0.3")
    impatient = tmp_path / "leash.py"
    impatient.write_text(source)
    monkeypatch.setattr(leash, "__file__", str(impatient))
    script = "trap '' TERM; echo $$ > parent.pid; echo $$ > child.pid; echo ready; while :; do sleep 0.1; done"
    with leashed(
        ["sh", "-c", script], folder=tmp_path, environment=child_environment(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == "ready\n"
        assert all(map(alive, pids(tmp_path)))
    assert await_end(pids(tmp_path))


def test_a_kept_descriptor_lives_as_long_as_the_command(tmp_path):
    reading, writing = os.pipe()
    with leashed(["sleep", "300"], folder=tmp_path, environment=child_environment(), keep_open=[writing]) as process:
        os.close(writing)
        os.set_blocking(reading, False)
        with pytest.raises(BlockingIOError):
            os.read(reading, 1)
    assert process.returncode is not None
    assert os.read(reading, 1) == b""
    os.close(reading)
