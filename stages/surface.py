"""Stage surface: twelve features of how every response looks."""

from prefactor import layout
from prefactor.surface import write_surface
from stages.running import run


def surface(dataset: str) -> None:
    """Read them off every text of a dataset."""
    texts = write_surface(layout.prepared(dataset) / "texts.parquet", layout.surface(dataset))
    print(f"{dataset}: surface features of {texts:,} texts")


if __name__ == "__main__":
    run(surface)
