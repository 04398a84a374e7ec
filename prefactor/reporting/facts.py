"""Counts and parameters as text."""

from collections.abc import Mapping
from typing import Any


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested parameters as dotted keys."""
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        pairs += flat(value, f"{name}.") if isinstance(value, Mapping) else [(name, _exact(value))]
    return pairs


def number(value: Any) -> str:
    """Counts with separators, other numbers to one place, anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _exact(value: Any) -> str:
    """A parameter as it was given, with separators in a large number."""
    plain = isinstance(value, bool) or not isinstance(value, (int, float))
    return str(value) if plain else f"{value:,}"
