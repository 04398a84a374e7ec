"""Whoever holds a slot is killed, and the next one gets it: the server takes it back when the lease is up."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.environment import child_environment
from flows.lease import LEASE_SECONDS
from flows.slots import LONGEST_PAUSE
from tests.system.servers import PROJECT, address, prefect_server

pytestmark = pytest.mark.system

SECONDS_BETWEEN_SWEEPS = 15.0  # of the server, for leases that are up; some more for a machine that is busy
HOLD = "import time; from flows.slots import slot\nwith slot('core'):\n    print('held', flush=True); time.sleep({})"


def test_a_killed_holders_slot_comes_back(tmp_path: Path) -> None:
    with prefect_server(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/prefect.db") as server:
        api = {"PREFECT_API_URL": f"{address(server)}/api", "PREFECT_HOME": str(tmp_path / "home")}
        environment = {**child_environment(), **api}
        slots = [sys.executable, "-m", "flows.slots", "--core", "1"]
        subprocess.run(slots, cwd=PROJECT, env=environment, check=True)

        def hold(seconds: float) -> "subprocess.Popen[str]":
            command = [sys.executable, "-c", HOLD.format(seconds)]
            return subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True)

        with hold(600) as holder:
            assert holder.stdout is not None and holder.stdout.readline() == "held\n"
            holder.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        with hold(0) as waiter:
            said, _ = waiter.communicate(timeout=2 * LEASE_SECONDS + SECONDS_BETWEEN_SWEEPS)
        assert said == "held\n" and waiter.returncode == 0
        assert time.monotonic() - killed < LEASE_SECONDS + SECONDS_BETWEEN_SWEEPS + LONGEST_PAUSE + 10.0
