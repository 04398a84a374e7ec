"""JSON files that an earlier stage wrote: read with an error that says what to do."""

import json
from pathlib import Path
from typing import Any

from prefactor.errors import InputError


def read_json(path: Path, fix: str = "run `dvc repro`") -> Any:
    """Any JSON value. InputError names the file, what is wrong with it, and ``fix``."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: {fix}") from error
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}): {fix} again") from error


def read_object(path: Path, fix: str = "run `dvc repro`") -> dict[str, Any]:
    """A JSON object; InputError for any other value."""
    value = read_json(path, fix)
    if not isinstance(value, dict):
        raise InputError(f"{path} must hold a JSON object, but holds {type(value).__name__}: {fix} again")
    return value
