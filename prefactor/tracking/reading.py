"""JSON files that the stages wrote."""

import json
from pathlib import Path
from typing import Any

from prefactor.errors import InputError


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; InputError names the file and the way to get it."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}): run `dvc repro`") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} holds {type(value).__name__}, not an object: run `dvc repro`")
    return value
