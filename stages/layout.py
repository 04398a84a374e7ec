"""Where things lie on disk: the paths that dvc.yaml declares, in one place for all stages."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path()


def prepared(dataset: str) -> Path:
    """Normalized tables of a dataset."""
    return ROOT / "data" / "prepared" / dataset


def split(dataset: str) -> Path:
    """A dataset's split: pairs, users, manifest."""
    return ROOT / "data" / "split" / dataset


def states(dataset: str, backbone: str) -> Path:
    """The cache of a dataset's hidden states."""
    return ROOT / "data" / "states" / dataset / backbone


def data_docs(dataset: str, gate: str) -> Path:
    """Data Docs of one gate, ``tables`` or ``split``."""
    return ROOT / "reports" / "data_docs" / dataset / gate


def ceiling(dataset: str, backbone: str) -> Path:
    """The oracle's results."""
    return ROOT / "reports" / "ceiling" / dataset / backbone


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix of trainings: what is trained on what."""

    dataset: str
    backbone: str
    method: str
    variant: str

    @property
    def path(self) -> Path:
        """The cell's own part of every path."""
        return Path(self.dataset, self.backbone, self.method, self.variant)

    @property
    def name(self) -> str:
        """The cell in progress lines."""
        return f"{self.dataset}-{self.backbone}-{self.method}-{self.variant}"

    @property
    def parameters(self) -> str:
        """The cell's section of params.yaml."""
        return f"methods.{self.method}.{self.variant}"

    @property
    def bases(self) -> Path:
        """What the first training step leaves."""
        return ROOT / "models" / "bases" / self.path

    @property
    def model(self) -> Path:
        """Trained models, a folder per seed."""
        return ROOT / "models" / self.path

    @property
    def evaluation(self) -> Path:
        """Results on evaluation pairs."""
        return ROOT / "reports" / "evaluation" / self.path


def seed_folder(parent: Path, seed: int | str) -> Path:
    """The folder of one seed's model."""
    return parent / f"seed-{seed}"
