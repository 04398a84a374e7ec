"""A Python that has imported the stages' heavy libraries already: each stage is a process forked from it.

Most of a tiny pipeline's time goes into importing PyTorch and Great Expectations some thirty times over. The folder
``WarmPython.folder``, first on PATH, holds a `python` that has the warm one fork a process for `-m stages.NAME`, with
its own arguments, folder, environment and open files, and ends as that ends; any other command it runs itself. The
project's own code is imported after the fork, from where the command runs.
"""

import atexit
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

SERVER = Path(__file__).with_name("warm_server.py")
COMMAND = """\
#!{python} -IS
import json, os, socket, sys
if sys.argv[1:2] != ["-m"] or not sys.argv[2].startswith("stages."):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
request = json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as warm:
    warm.connect({address!r})
    socket.send_fds(warm, [len(request).to_bytes(8, "big")], [0, 1, 2])
    warm.sendall(request)
    sys.exit((warm.recv(1) or b"\\xff")[0])  # a stage that was killed says nothing
"""


class WarmPython:
    """There from its making until ``close``, and no longer than the process that made it."""

    def __init__(self) -> None:
        self._made = tempfile.TemporaryDirectory(prefix="warm-")  # a socket's path has to be short
        self.folder = Path(self._made.name)
        self._write_command()
        self._process = subprocess.Popen(
            [sys.executable, str(SERVER), str(self._address)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n", "the warm Python did not start"

    @property
    def _address(self) -> Path:
        return self.folder / "socket"

    def _write_command(self) -> None:
        command = self.folder / "python"
        command.write_text(COMMAND.format(python=sys.executable, address=str(self._address)))
        command.chmod(0o755)

    def close(self) -> None:
        """End it."""
        self._process.communicate()
        self._made.cleanup()


@cache
def warm_python() -> WarmPython:
    """The one of this test process, made when it is first wanted."""
    made = WarmPython()
    atexit.register(made.close)
    return made
