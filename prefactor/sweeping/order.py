"""What a trial's process is told to do, in a file, so that it can be run again by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefactor.atomic import write_json
from prefactor.errors import InputError
from prefactor.parameters import as_dict, build
from prefactor.reading import read_object
from prefactor.sweeping.settings import SweepSettings

ORDERS = "orders"


@dataclass(frozen=True)
class Order:
    """One trial of a sweep.

    changes    what it tries, by dotted key below the variant
    memory_gb  the most memory that its process may have, in GB; None for no limit
    """

    number: int
    settings: SweepSettings
    changes: Mapping[str, Any] = field(default_factory=dict)
    memory_gb: float | None = None

    def __post_init__(self) -> None:
        if self.memory_gb is not None and self.memory_gb <= 0:
            raise ValueError(f"memory_gb must be positive, or null for no limit, got {self.memory_gb}")


def write_order(folder: Path, order: Order) -> Path:
    """Write the order of one of the trials of the sweep in ``folder``; its file."""
    path = folder / ORDERS / f"{order.number:05d}.json"
    write_json(path, as_dict(order))
    return path


def read_order(path: Path) -> Order:
    """An order. Raises InputError if it is missing or damaged."""
    if not path.is_file():
        raise InputError(f"{path} does not exist: name the order of a trial, data/sweeps/NAME/{ORDERS}/NUMBER.json")
    return build(Order, read_object(path), str(path))
