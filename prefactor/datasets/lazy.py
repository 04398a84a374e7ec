"""Modules that are imported when they are first used: a registry of sources must not load them all."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class LazyModule:
    """A module by name, and the name of its parameters' class in there."""

    module: str
    parameters: str

    @property
    def Parameters(self) -> type[Any]:
        """The frozen dataclass of its options."""
        return self._get(self.parameters)

    def _get(self, name: str) -> Any:
        return getattr(import_module(self.module), name)
