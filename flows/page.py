"""`make prefect`: a Prefect server on loopback and the project's flows served to it, ending together."""

import argparse
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from subprocess import Popen

from flows.environment import child_environment
from flows.leash import leashed
from flows.slots import SERVER_SETTINGS

PROJECT_ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
SECONDS_TO_START = 120.0


def main(port: int) -> None:
    """Run the server on a port of this machine only, and serve the flows, until interrupted."""
    api = f"http://{HOST}:{port}/api"
    # Read by Prefect at import, hence before it; the page would otherwise look for its server on the default port.
    os.environ.update(PREFECT_API_URL=api, PREFECT_SERVER_UI_API_URL=api)
    os.environ.setdefault("PREFECT_HOME", str(PROJECT_ROOT / ".prefect"))
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
    environment = {**SERVER_SETTINGS, **child_environment()}
    with leashed(command, folder=PROJECT_ROOT, environment=environment) as server:
        wait_until_healthy(api, server, SECONDS_TO_START)
        offer_slots()
        from flows.deployments import serve_flows

        serve_flows()


def wait_until_healthy(api: str, server: "Popen[str]", seconds: float) -> None:
    """Wait for the server's answer; exit if it ends first or takes longer than ``seconds``."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit(f"The Prefect server ended with status {server.returncode}: is another one on its port?")
        if _is_healthy(api):
            return
        time.sleep(0.5)
    sys.exit(f"The Prefect server at {api} did not answer within {seconds:.0f} s")


def offer_slots() -> None:
    """As many slots as this machine has GPUs and cores, but where someone has said how many there are."""
    import torch
    from prefect.client.orchestration import get_client

    from flows.slots import SLOTS, set_slots

    machine: dict[SLOTS, int] = {"gpu": torch.cuda.device_count(), "core": os.cpu_count() or 1}
    with get_client(sync_client=True) as client:
        known = {limit.name for limit in client.read_global_concurrency_limits()}
    set_slots({kind: number for kind, number in machine.items() if kind not in known})


def _is_healthy(api: str) -> bool:
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4200)
    main(parser.parse_args().port)
