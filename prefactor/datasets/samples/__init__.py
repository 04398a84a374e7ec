"""Sample files: what published data looks like, written by us, in exactly its schema and with its awkward cases.

No word of the real data is in them. They show a reader what it has to read, let the pipeline run where the real files
are not, and stand in for them in tests and benchmarks; figures measured on them say nothing about the real data.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefactor.atomic import atomic_folder, write_json
from prefactor.datasets.lazy import LazyModule
from prefactor.datasets.published import MARK
from prefactor.errors import InputError
from prefactor.parameters import nearest


class Sample(LazyModule):
    """A source's sample by its module; its parameters are its sizes."""

    @property
    def published(self) -> Any:
        """The sizes that make as many rows as were published, with texts about as long."""
        return self._get("PUBLISHED")

    @property
    def write(self) -> Callable[[Any, Path], None]:
        """``write(parameters, folder)``."""
        return self._get("write")


SAMPLES = {
    "lamp": Sample("prefactor.datasets.samples.lamp", "LampSample"),
    "personalllm": Sample("prefactor.datasets.samples.personalllm", "PersonalLLMSample"),
    "prism": Sample("prefactor.datasets.samples.prism", "PrismSample"),
    "tldr": Sample("prefactor.datasets.samples.tldr", "TldrSample"),
}


def find_sample(source: str) -> Sample:
    """The sample of ``source``. InputError for a source without any."""
    if source not in SAMPLES:
        raise InputError(f"no sample for the source {source!r}{nearest(source, SAMPLES, 'sources')}")
    return SAMPLES[source]


def write_sample(source: str, folder: Path, parameters: Any | None = None) -> None:
    """Write the sample files of ``source`` to ``folder``, small ones by default, whole or not at all.

    Raises InputError for a source without a sample, and for a folder that holds something.
    """
    sample = find_sample(source)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not an empty folder: name another one")
    with atomic_folder(folder) as scratch:
        sample.write(parameters or sample.Parameters(), scratch)
        write_json(scratch / MARK, {"sample": source})
