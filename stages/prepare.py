"""Stage prepare: any source becomes the normalized tables."""

from pathlib import Path

from prefactor.datasets import load
from prefactor.parameters import load_parameters, section
from stages import layout
from stages.running import run


def prepare(dataset: str) -> None:
    """Load a dataset from its source and write its tables."""
    key = f"datasets.{dataset}"
    settings = section(load_parameters(), key)
    preferences = load(settings["source"], settings.get("options") or {}, Path(settings["input"]), f"{key}.options")
    preferences.save(layout.prepared(dataset))
    print(f"{dataset}: {len(preferences.pairs):,} pairs of {len(preferences.users):,} users")


if __name__ == "__main__":
    run(prepare)
