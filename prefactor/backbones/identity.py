"""Whether a backbone is the one that a model was trained on: another's states would mean nothing to it."""

from collections.abc import Mapping
from typing import Any

from prefactor.errors import InputError


def check_identity(found: Mapping[str, Any], expected: Mapping[str, Any], fix: str) -> None:
    """Refuse a backbone that would give other states than those that the model was trained on; ``fix`` is advice."""
    differences = [
        f"{key} is {found.get(key)!r}, trained with {expected.get(key)!r}"
        for key in sorted({*found, *expected})
        if found.get(key) != expected.get(key)
    ]
    if differences:
        raise InputError(f"not the model's backbone: {'; '.join(differences)}: {fix}")
