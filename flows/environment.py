"""The environment in which flows start their children."""

import os
import sys
from pathlib import Path

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def child_environment() -> dict[str, str]:
    """This process's environment, with this interpreter's `python` first and output line by line.

    DVC runs `python -m stages.…` by name: it has to be the one that runs the flow.
    """
    folder = str(Path(sys.executable).parent)
    path = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])
    return {**TELEMETRY_OFF, **os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}
