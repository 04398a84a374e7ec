"""What a sweep is: everything that decides which trials it has and what they come to."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefactor.atomic import write_json
from prefactor.errors import InputError
from prefactor.layout import Cell
from prefactor.parameters import as_dict, build
from prefactor.reading import read_object
from prefactor.search import leaves
from prefactor.sweeping.space import Space
from prefactor.sweeping.ways import How, Pruning

FILE = "sweep.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


@dataclass(frozen=True)
class SweepSettings:
    """A sweep's settings: with others it is another sweep, and needs another name.

    how      ``grid``: every configuration of the space; ``tpe``: Optuna's Tree-structured Parzen Estimator, which
             draws where what came before was good; ``random``: any
    seeds    of training: a configuration is trained with each, and judged by their mean
    pruning  whether a trial is ended early: by the ``median`` of others at the same validation, by successive
             ``halving``, or not (``off``)
    shots    as in section ``sweep``
    threads  of a trial's process, on which the last digits of every sum depend
    base     the parameters that are changed: those of the variant when the sweep began; of the model's choices it may
             have the first alone, so that a trial is one training of each seed
    space    what they may be changed to, as in section ``sweep``
    data     a fingerprint of the split and the cache that trials read
    """

    dataset: str
    backbone: str
    method: str
    variant: str
    how: How
    seeds: tuple[int, ...]
    pruning: Pruning
    shots: tuple[int, ...]
    threads: int
    base: Mapping[str, Any]
    space: Mapping[str, Any]
    data: str

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be at least one, each once, got {[*self.seeds]}")
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, got {self.threads}")

    @property
    def cell(self) -> Cell:
        """What is trained on what."""
        return Cell(self.dataset, self.backbone, self.method, self.variant)

    @property
    def searched(self) -> Space:
        """The space, checked."""
        return Space.of(self.space, f"sweep.spaces.{self.method}.{self.variant}")

    @property
    def key(self) -> str:
        """16 hex digits that name these settings."""
        return hashlib.sha256(json.dumps(as_dict(self), sort_keys=True).encode()).hexdigest()[:16]


def sweep_folder(root: Path, name: str) -> Path:
    """Where a sweep's trials are kept: no output of a stage, so DVC leaves it. InputError for what is no name."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} is no name for a sweep: take up to 80 lower-case letters, digits, dots, dashes and underscores, "
            "a letter or digit first"
        )
    return root / "data" / "sweeps" / name


def keep_settings(folder: Path, settings: SweepSettings) -> SweepSettings:
    """The settings of the sweep in ``folder``: ``settings`` are written if it is new, else have to be its own.

    The base may differ in what the sweep tries values of, as it does once a winner was written: the one that the sweep
    began with stays. Raises InputError for other settings, saying which.
    """
    path = folder / FILE
    if not path.exists():
        write_json(path, as_dict(settings))
        return settings
    earlier = read_settings(folder)
    before, now = _compared(earlier), _compared(settings)
    others = [_difference(key, before[key], now[key]) for key in now if now[key] != before[key]]
    if others:
        said = "; ".join(others)
        raise InputError(
            f"the sweep {folder.name!r} was begun with other settings ({said}): give this one another name"
        )
    return earlier


def read_settings(folder: Path) -> SweepSettings:
    """The settings of a sweep that was begun. Raises InputError if they are missing or damaged."""
    path = folder / FILE
    if not path.exists():
        raise InputError(f"{folder} holds no sweep: there is no {FILE}")
    return build(SweepSettings, read_object(path), str(path))


def _compared(settings: SweepSettings) -> dict[str, Any]:
    """The settings as JSON, the base without what is tried."""
    tried = settings.searched.leaves
    base = {".".join(keys): value for keys, value in leaves(settings.base)}
    return as_dict(settings) | {"base": {key: value for key, value in base.items() if key not in tried}}


def _difference(key: str, before: Any, after: Any) -> str:
    if key == "data":
        return "the split or the states have changed since"
    if key in ("base", "space"):
        return f"{'the variant' if key == 'base' else 'its space'} in params.yaml has changed since"
    return f"{key} was {before}, now {after}"
