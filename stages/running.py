"""How a stage runs as a command: positional arguments, offline, errors without a traceback when they are the user's."""

import inspect
import logging
import os
import sys
from collections.abc import Callable

from prefactor.errors import InputError

OFFLINE = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TOKENIZERS_PARALLELISM": "false",
}


def run(stage: Callable[..., None]) -> None:
    """Call a stage with the command line's arguments; exit 1 with one clear line if the input is at fault."""
    for name, value in OFFLINE.items():
        os.environ.setdefault(name, value)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    names = list(inspect.signature(stage).parameters)
    if len(sys.argv) - 1 != len(names):
        sys.exit(f"usage: python -m stages.{stage.__name__} {' '.join(name.upper() for name in names)}")
    try:
        stage(*sys.argv[1:])
    except InputError as error:
        sys.exit(f"{stage.__name__} {' '.join(sys.argv[1:])}: {error}")
