"""A project on disk: where it keeps what the pipeline made of people's data, and whose dataset a file is of."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any

from prefactor.errors import InputError
from prefactor.parameters import load_parameters

KEPT = ("data", "models", "reports", "mlruns", ".prefect", ".dvc/tmp")
STUDIES = "studies"
EXPERIMENT = "prefactor-"  # begins the name of a dataset's experiment, and of its folder of artifacts
OF_DATASETS = {  # what is followed by a folder per dataset
    ("data", "adapted"),
    ("data", "checkpoints"),
    ("data", "prepared"),
    ("data", "split"),
    ("data", "states"),
    ("data", "surface"),
    ("models",),
    ("models", "bases"),
    ("reports", "ceiling"),
    ("reports", "data_docs"),
    ("reports", "diagnosis"),
    ("reports", "evaluation"),
    ("reports", "latency"),
    ("reports", "portrait"),
    ("reports", "signal"),
    ("mlruns", "artifacts"),
}
MADE_AT = {"models": 5, "bases": 6}  # folders above a file of a model; what lies higher is nobody's output
OF_ALL = {("reports", name) for name in ("index.html", "metrics.json", "results.csv", "results.parquet")}
GENERATED = {  # by language models, about people; most of it does not say about whom
    ("data", "judgements"),
    ("models", "adapters"),
    ("reports", "evaluation", "scorers"),
    ("reports", "generation"),
    ("reports", "texts"),
}
LIKELIHOODS, SWEEPS = ("data", "likelihoods"), ("data", "sweeps")
FOLDERS_OF_ALL = {("reports", "plots"), ("reports", "search"), LIKELIHOODS, SWEEPS, *GENERATED}
STORES, STORE = ("data", "online"), ".db"  # of the online service: where they lie, and how a file's name ends
DATABASE_PARTS = ("-wal", "-shm", "-journal")  # of SQLite, which reads them with their database
JOURNAL = ".forgetting-"  # begins the name of the record of a forgetting that has not ended


@dataclass(frozen=True)
class Workspace:
    """A folder with a pipeline: the project, or one of its studies. ``project`` is the root of all of them.

    ``owned``: the inputs of all of them, resolved.
    """

    root: Path
    project: Path
    owned: frozenset[Path] = frozenset()

    def files(self) -> Iterator[Path]:
        """Every file below the places where the pipeline keeps things, but for inputs, which are their owner's.

        Nor user stores, which are asked, not searched: they have people as digests.
        """
        inputs = self.owned
        for place in KEPT:
            for path in walk(self.root / place):
                own = path.name.startswith(JOURNAL) or path.name.endswith(DATABASE_PARTS)
                own = own or is_store(self.relative(path))
                if not own and not inputs & {path.resolve(), *path.resolve().parents}:
                    yield path

    def inputs(self) -> dict[str, Path]:
        """Dataset -> the file or folder that it is made from, as params.yaml says."""
        return {name: self.root / str(values["input"]) for name, values in self.datasets.items() if "input" in values}

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """What params.yaml says; nothing where there is none."""
        path = self.root / "params.yaml"
        return load_parameters(path) if path.exists() else {}

    @property
    def datasets(self) -> Mapping[str, Any]:
        """The datasets' sections of params.yaml."""
        return self.parameters.get("datasets") or {}

    def holds(self, path: Path) -> bool:
        """Is a file or folder, links followed, in the project or the workspace."""
        real = path.resolve()
        return any(real.is_relative_to(root.resolve()) for root in (self.project, self.root))

    def relative(self, path: Path) -> PurePath:
        """A path as seen from the workspace."""
        return path.relative_to(self.root)


def workspaces(root: Path) -> list[Workspace]:
    """The project and its studies that hold anything. Raises InputError if ``root`` is no project."""
    if not (root / "params.yaml").is_file() and not (root / "dvc.yaml").is_file():
        raise InputError(f"{root} holds neither params.yaml nor dvc.yaml: name the project's root with --root")
    studies = sorted(path.parent for path in (root / STUDIES).glob("*/params.yaml"))
    owned = frozenset(path.resolve() for each in (root, *studies) for path in Workspace(each, root).inputs().values())
    full = sorted(path.parent for path in (root / STUDIES).glob("*/data") if path.is_dir())
    return [Workspace(each, root, owned) for each in (root, *full)]


def dataset_of(path: PurePath) -> str | None:
    """The dataset that a path, as seen from its workspace, is about; None if it is about all, or about none.

    What a killed stage left beside a dataset's folder is that dataset's: `.name.xxxx`.
    """
    parts = path.parts
    if _is_of_all(parts):
        return None
    for depth in (2, 1):
        if parts[:depth] in OF_DATASETS and len(parts) > depth and parts[: depth + 1] not in OF_DATASETS:
            name = parts[depth]
            name = name[1:].rpartition(".")[0] if name.startswith(".") else name
            if parts[0] == "mlruns":  # other experiments in the store are their owner's
                return name.removeprefix(EXPERIMENT) if name.startswith(EXPERIMENT) else None
            return name or None
    return None


def dataset_of_file(path: PurePath) -> str | None:
    """The dataset of an output that a file, as seen from its workspace, is part of.

    None for one that is about all, or that lies beside the outputs and is nobody's: `models/README.md`.
    """
    parts = path.parts
    if parts[0] == "models" and len(parts) <= MADE_AT["bases" if parts[1:2] == ("bases",) else "models"]:
        return None
    return dataset_of(path.parent)


def is_store(path: PurePath) -> bool:
    """Is a file, as seen from its workspace, a user store of the online service."""
    return path.parts[:-1] == STORES and path.suffix == STORE


def is_output(path: PurePath) -> bool:
    """Does the pipeline make a file, as seen from its workspace, or what a killed stage left in its place."""
    parts = path.parts
    whole = tuple(part[1:].rpartition(".")[0] if part.startswith(".") else part for part in parts[:2])
    return dataset_of_file(path) is not None or _is_of_all(parts) or (whole in OF_ALL and len(parts) == 2)


def _is_of_all(parts: tuple[str, ...]) -> bool:
    """Is a path one of the folders of all, or below one."""
    return any(parts[:depth] in FOLDERS_OF_ALL for depth in (2, 3))


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, links to folders followed, each folder once."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        yield from (path for path in (Path(place, name) for name in sorted(files)) if path.is_file())
