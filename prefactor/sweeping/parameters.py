"""Section ``sweep`` of params.yaml: what may be swept, and how a trial is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prefactor.errors import InputError
from prefactor.parameters import nearest
from prefactor.sweeping.space import Space


@dataclass(frozen=True)
class SweepParameters:
    """What may be swept.

    shots   numbers of reference pairs at which held-out users are judged
    spaces  by method and variant, the values that parameters below that variant may take: lists, or ranges
            ``{low: 0.001, high: 0.1, log: true}``; a grid needs lists
    """

    shots: tuple[int, ...] = (1, 3, 9, 20)
    spaces: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.shots or min(self.shots) < 1:
            raise ValueError(f"shots must be numbers of pairs, at least 1, got {[*self.shots]}")

    def space(self, method: str, variant: str) -> Space:
        """The space of a method's variant. Raises InputError where there is none."""
        known = self.spaces.get(method, {})
        where = f"sweep.spaces.{method}"
        if variant not in known:
            raise InputError(f"{where} has no {variant!r}: say what is swept{nearest(variant, known, 'variants')}")
        return Space.of(known[variant], f"{where}.{variant}")
