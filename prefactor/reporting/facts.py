"""Counts and parameters as text."""

from collections.abc import Mapping
from typing import Any

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))  # of time


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested parameters as dotted keys, those of a list of mappings by their numbers."""
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
            value = {str(number): part for number, part in enumerate(value)}
        pairs += flat(value, f"{name}.") if isinstance(value, Mapping) else [(name, _exact(value))]
    return pairs


def number(value: Any) -> str:
    """Counts with separators, other numbers to one place, anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def duration(seconds: float) -> str:
    """Two digits and a unit: 0.00187 is ``1.9 ms``."""
    rounded = float(f"{seconds:.2g}")
    size, unit = next(((size, unit) for size, unit in UNITS if rounded >= size), UNITS[-1])
    count = rounded / size
    return f"{count:,.0f} {unit}" if count > 9.95 else f"{count:.1f} {unit}"


def _exact(value: Any) -> str:
    """A parameter as it was given, with separators in a large number."""
    plain = isinstance(value, bool) or not isinstance(value, (int, float))
    return str(value) if plain else f"{value:,}"
