"""A sweep's space: the values that each parameter may take, by its key as in params.yaml below a method's variant."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from prefactor.errors import InputError
from prefactor.parameters import build
from prefactor.search import different, leaves, nested

Flat = dict[str, Any]  # values by dotted key, e.g. {"model.basis.bases": 12}


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included: whole ones if both ends are, else any, or every ``step``th.

    ``log``: orders of magnitude are equally likely, not numbers.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int | float | None = None

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, got {self.low} and {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError(f"log needs a low above 0 and no step, got {self.low} and {self.step}")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step must be positive, got {self.step}")

    @property
    def is_whole(self) -> bool:
        """Whether its numbers are whole."""
        return all(isinstance(number, int) for number in (self.low, self.high, self.step or 1))


Leaf = tuple[Any, ...] | Range  # what a parameter may be: one of some values, or a number of a range


@dataclass(frozen=True)
class Space:
    """What every parameter may be, by dotted key."""

    leaves: Mapping[str, Leaf]

    @classmethod
    def of(cls, values: Any, where: str) -> "Space":
        """From a nest of mappings that ends in lists of values and ranges. Raises InputError naming what is neither."""
        found = {".".join(keys): _leaf(value, ".".join((where, *keys))) for keys, value in leaves(values, _is_range)}
        if not found or "" in found:
            raise InputError(f"{where} says of no parameter what values it may take: give its key a list or a range")
        return cls(found)

    @property
    def size(self) -> int | None:
        """The number of its configurations; None where a range has no end of them."""
        lists = [leaf for leaf in self.leaves.values() if not isinstance(leaf, Range)]
        return math.prod(map(len, lists)) if len(lists) == len(self.leaves) else None

    def grid(self) -> list[Flat]:
        """All configurations, the last parameter varying fastest. Raises InputError where there is a range."""
        lists: list[tuple[Any, ...]] = []
        for key, leaf in self.leaves.items():
            if isinstance(leaf, Range):
                raise InputError(f"{key} is a range from {leaf.low} to {leaf.high}, but a grid needs a list of values")
            lists.append(leaf)
        return [dict(zip(self.leaves, point, strict=True)) for point in product(*lists)]


def changes(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted key as a nest, to be merged into a variant's parameters."""
    return nested({tuple(key.split(".")): value for key, value in flat.items()})


def values_at(parameters: Any, keys: Mapping[str, Any]) -> Flat:
    """The values of a variant's parameters at some dotted keys; those that it leaves to the method are left out."""
    found = {}
    for key in keys:
        value = parameters
        for part in key.split("."):
            value = value[part] if isinstance(value, Mapping) and part in value else _ABSENT
        if value is not _ABSENT:
            found[key] = value
    return found


_ABSENT = object()


def _is_range(values: Any) -> bool:
    return isinstance(values, Mapping) and {"low", "high"} <= values.keys()


def _leaf(values: Any, where: str) -> Leaf:
    if _is_range(values):
        return build(Range, values, where)
    for value in different(values, where):
        if not isinstance(value, str | int | float | None):
            raise InputError(
                f"{where} must be a list of single values, but one is {value!r}: give each key below its own"
            )
    return tuple(values)
