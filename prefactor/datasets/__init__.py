"""Where preferences come from: every source ends in the same normalized tables.

A source is a module with a frozen dataclass of parameters and ``load(parameters, input) -> Preferences``, and one
line in ``SOURCES``.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from prefactor.datasets.lazy import LazyModule
from prefactor.errors import InputError
from prefactor.parameters import build, nearest
from prefactor.preferences import Preferences


class Source(LazyModule):
    """A source by its module."""

    @property
    def load(self) -> Callable[[Any, Path], Preferences]:
        """``load(parameters, input)``: read or make the preferences."""
        return self._get("load")


SOURCES: dict[str, Source] = {
    "files": Source("prefactor.datasets.files", "FilesParameters"),
    "jester": Source("prefactor.datasets.jester", "JesterParameters"),
    "lamp": Source("prefactor.datasets.lamp", "LampParameters"),
    "personalllm": Source("prefactor.datasets.personalllm", "PersonalLLMParameters"),
    "prism": Source("prefactor.datasets.prism", "PrismParameters"),
    "stylebench": Source("prefactor.datasets.stylebench", "StylebenchParameters"),
    "tldr": Source("prefactor.datasets.tldr", "TldrParameters"),
}


def load(source: str, options: Mapping[str, Any] | None, input: Path | str, where: str) -> Preferences:
    """Load the preferences of one dataset.

    ``options`` are those of the source, from the section ``where`` of params.yaml; ``input`` is the file or folder
    that the dataset is made from. Raises InputError for an unknown source or option, naming the nearest one, and
    for everything that is wrong with the data.
    """
    if source not in SOURCES:
        raise InputError(f"unknown source {source!r}{nearest(source, SOURCES, 'sources')}")
    chosen = SOURCES[source]
    return chosen.load(build(chosen.Parameters, options, where), Path(input))
