"""A command that never outlives the process that started it, however that process ends.

Between the two stands this file, run as a script. It holds the reading end of a pipe: when the starter lets go, is
cancelled or is killed outright, the pipe closes and the command's whole process group is ended. A handler in the
starter could not do that, because nothing runs after SIGKILL.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.05
_STDIN = 0


@contextmanager
def leashed(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stdout: int | None = None,
    keep_open: Sequence[int] = (),
) -> Iterator[subprocess.Popen[str]]:
    """Run a command for as long as the block lasts; leaving the block ends it and whatever it started.

    ``stdout`` is as for Popen and takes stderr too. ``keep_open`` are file descriptors to hold until the command
    has ended: a lock among them outlives this process if the command does.
    """
    with subprocess.Popen(
        [sys.executable, "-I", __file__, *command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=None if stdout is None else subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        pass_fds=tuple(keep_open),
    ) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait()  # Popen's own exit does not wait long after an interrupt


def run_leashed(
    command: Sequence[str],
    on_line: Callable[[str], None],
    *,
    folder: Path,
    environment: Mapping[str, str],
    keep_open: Sequence[int] = (),
) -> int:
    """Run a command to its end, hand over each line it prints as it comes, and return its exit status."""
    with leashed(
        command, folder=folder, environment=environment, stdout=subprocess.PIPE, keep_open=keep_open
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            on_line(line.rstrip("\n"))
        return process.wait()


def _hold(command: Sequence[str]) -> int:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_end_when_let_go, args=(process.pid,), daemon=True).start()
    status = process.wait()
    _end_group(process.pid)
    return status if status >= 0 else 128 - status


def _end_when_let_go(group: int) -> None:
    while os.read(_STDIN, 1):
        pass
    _end_group(group)


def _end_group(group: int) -> None:
    """Ask the group to end; after a while, insist."""
    deadline = time.monotonic() + GRACE_SECONDS
    if not _signal_group(group, signal.SIGTERM):
        return
    while _signal_group(group, 0):
        if time.monotonic() > deadline:
            _signal_group(group, signal.SIGKILL)
            return
        time.sleep(_POLL_SECONDS)


def _signal_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(_hold(sys.argv[1:]))
