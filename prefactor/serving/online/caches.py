"""Which caches of texts' states a model is served with: those that were named, or those of its backbone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefactor.backbones import States, open_states
from prefactor.errors import InputError


@dataclass(frozen=True)
class Caches:
    """``named`` are folders of caches; ``below``, a folder, is where others are looked for that nobody has named."""

    named: Sequence[Path] = ()
    below: Path | None = None

    def first(self, identity: Mapping[str, Any]) -> list[States]:
        """Those for the backbone of that identity. InputError where a named one is not of it, or is damaged."""
        return [*(open_states(folder, identity) for folder in self.named), *self._found(identity)]

    def next(self, identity: Mapping[str, Any], told: Callable[[str], object]) -> list[States]:
        """The same, where named ones that do not suit are done without; ``told`` why."""
        suited = (_opened(folder, identity, told) for folder in self.named)
        return [*(cache for cache in suited if cache is not None), *self._found(identity)]

    def _found(self, identity: Mapping[str, Any]) -> list[States]:
        """Others: they are of several backbones, so that there is nothing to say of one that does not suit."""
        folders = [] if self.below is None else sorted(self.below.glob("[!.]*/"))
        opened = (_opened(folder, identity, lambda why: None) for folder in folders)
        return [cache for cache in opened if cache is not None]


def _opened(folder: Path, identity: Mapping[str, Any], told: Callable[[str], object]) -> States | None:
    try:
        return open_states(folder, identity)
    except InputError as error:
        told(str(error))
        return None
