"""What the page of generation is made from: the tables of ``evaluation.generation.tables``, read from folders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from prefactor.evaluation.generation.tables import SCHEMAS, read_about, read_table
from prefactor.reporting.context import PRINTABLE


def _empty(name: str) -> pd.DataFrame:
    return read_table([], name)


@dataclass(frozen=True)
class GenerationReport:
    """Tables of a run; ``evaluation.generation.tables`` says what their columns mean. A table may be empty.

    dataset     the one that texts are written for
    results     figures with intervals, in the results' schema
    attributes  Drift's chart of a few users
    speed       tokens per second, and overheads
    examples    texts to read
    about       what all was made with
    source      what the dataset was made from, as its source.json has it: of PRINTABLE ones alone texts are shown
    """

    dataset: str
    results: pd.DataFrame = field(default_factory=lambda: _empty("results"))
    attributes: pd.DataFrame = field(default_factory=lambda: _empty("attributes"))
    speed: pd.DataFrame = field(default_factory=lambda: _empty("speed"))
    examples: pd.DataFrame = field(default_factory=lambda: _empty("examples"))
    about: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""

    @property
    def printable(self) -> bool:
        """Whether texts may be shown: nobody's own words are among them."""
        return self.source in PRINTABLE

    @classmethod
    def read(cls, dataset: str, *folders: Path, source: str = "") -> Self:
        """What stages left in ``folders``; tables of one name are read as one. InputError for a broken file."""
        tables = {name: read_table(folders, name) for name in SCHEMAS}
        return cls(dataset, **tables, about=read_about(folders), source=source)
