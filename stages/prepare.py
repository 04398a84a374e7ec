"""Stage prepare: any source becomes the normalized tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefactor import layout
from prefactor.datasets import load
from prefactor.parameters import build, load_parameters, section
from prefactor.preparation import Keeper, key_variable_of
from stages.running import run


@dataclass(frozen=True)
class DatasetParameters:
    """A dataset's section: what it is made from, by which source, and how it is split (stage split reads that)."""

    source: str
    input: str
    options: dict[str, Any]
    split: dict[str, Any]


def prepare(dataset: str) -> None:
    """Load a dataset from its source and write its tables, without users who are to be forgotten."""
    key, values = f"datasets.{dataset}", load_parameters()
    settings = build(DatasetParameters, section(values, key), key)
    keeper = Keeper(Path(), dataset, key_variable_of(values, dataset))
    preferences = keeper.kept(load(settings.source, settings.options, Path(settings.input), f"{key}.options"))
    preferences.save(layout.prepared(dataset))
    print(f"{dataset}: {len(preferences.pairs):,} pairs of {len(preferences.users):,} users")


if __name__ == "__main__":
    run(prepare)
