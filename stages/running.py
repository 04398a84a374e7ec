"""How a stage runs as a command: positional arguments, no telemetry, a clear line when the input is at fault."""

import inspect
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prefactor.errors import InputError
from prefactor.parameters import load_parameters, nearest

SILENT = {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TOKENIZERS_PARALLELISM": "false",
}


SECTIONS = (
    "run",
    "datasets",
    "pseudonyms",
    "quality",
    "language_models",
    "backbones",
    "methods",
    "evaluation",
    "signal",
    "portrait",
    "diagnosis",
    "asking",
    "search",
    "sweep",
    "generation",
    "promotion",
)


def check_sections(values: Mapping[str, Any], where: Path | str = "params.yaml") -> None:
    """Refuse a section of ``where`` that no stage reads: it is a misspelt one."""
    for key in values:
        if key not in SECTIONS:
            raise InputError(f"{where}: unknown section {key!r}{nearest(key, SECTIONS, 'sections')}")


def run(stage: Callable[..., None]) -> None:
    """Call a stage with the command line's arguments; exit 1 with one clear line if the input is at fault."""
    for name, value in SILENT.items():
        os.environ.setdefault(name, value)
    logging.basicConfig(format="%(message)s", stream=sys.stderr)
    logging.getLogger("prefactor").setLevel(logging.INFO)  # of the libraries below us, warnings alone
    names = list(inspect.signature(stage).parameters)
    if len(sys.argv) - 1 != len(names):
        sys.exit(f"usage: python -m stages.{stage.__name__} {' '.join(name.upper() for name in names)}")
    try:
        check_sections(load_parameters())
        stage(*sys.argv[1:])
    except InputError as error:
        sys.exit(f"{' '.join([stage.__name__, *sys.argv[1:]])}: {error}")
