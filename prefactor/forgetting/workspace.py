"""A project on disk: where it keeps what the pipeline made of people's data, and whose dataset a file is of."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from prefactor.errors import InputError
from prefactor.parameters import load_parameters

KEPT = ("data", "models", "reports", "mlruns", ".prefect", ".dvc/tmp")
STUDIES = "studies"
EXPERIMENT = "prefactor-"  # begins the name of a dataset's experiment, and of its folder of artifacts
OF_DATASETS = {  # what is followed by a folder per dataset
    ("data", "prepared"),
    ("data", "split"),
    ("data", "states"),
    ("data", "surface"),
    ("models",),
    ("models", "bases"),
    ("reports", "ceiling"),
    ("reports", "data_docs"),
    ("reports", "evaluation"),
    ("reports", "latency"),
    ("reports", "portrait"),
    ("reports", "signal"),
    ("mlruns", "artifacts"),
}
DATABASE_PARTS = ("-wal", "-shm", "-journal")  # of SQLite, which reads them with their database
JOURNAL = ".forgetting-"  # begins the name of the record of a forgetting that has not ended


@dataclass(frozen=True)
class Workspace:
    """A folder with a pipeline: the project, or one of its studies."""

    root: Path

    def files(self) -> Iterator[Path]:
        """Every file below the places where the pipeline keeps things, but for inputs, which are their owner's."""
        inputs = {path.resolve() for path in self.inputs().values()}
        for place in KEPT:
            for path in walk(self.root / place):
                own = path.name.startswith(JOURNAL) or path.name.endswith(DATABASE_PARTS)
                if not own and not inputs & {path.resolve(), *path.resolve().parents}:
                    yield path

    def inputs(self) -> dict[str, Path]:
        """Dataset -> the file or folder that it is made from, as params.yaml says."""
        if not (self.root / "params.yaml").exists():
            return {}
        sections = load_parameters(self.root / "params.yaml").get("datasets") or {}
        return {name: self.root / str(values["input"]) for name, values in sections.items() if "input" in values}

    def relative(self, path: Path) -> PurePath:
        """A path as seen from the workspace."""
        return path.relative_to(self.root)


def workspaces(root: Path) -> list[Workspace]:
    """The project and its studies that hold anything. Raises InputError if ``root`` is no project."""
    if not (root / "params.yaml").is_file() and not (root / "dvc.yaml").is_file():
        raise InputError(f"{root} holds neither params.yaml nor dvc.yaml: name the project's root with --root")
    studies = sorted(path.parent for path in (root / STUDIES).glob("*/data") if path.is_dir())
    return [Workspace(root), *(Workspace(path) for path in studies)]


def dataset_of(path: PurePath) -> str | None:
    """The dataset that a path, as seen from its workspace, is about; None if it is about all, or about none.

    What a killed stage left beside a dataset's folder is that dataset's: `.name.xxxx`.
    """
    parts = path.parts
    for depth in (2, 1):
        if parts[:depth] in OF_DATASETS and len(parts) > depth and parts[: depth + 1] not in OF_DATASETS:
            name = parts[depth]
            name = name[1:].rpartition(".")[0] if name.startswith(".") else name
            return name.removeprefix(EXPERIMENT) or None
    return None


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
