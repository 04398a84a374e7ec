"""Where things lie on disk: the paths that dvc.yaml declares, in one place for stages, report and tracking.

Paths are relative to the project's root, where stages run; prefix a root to read another project's.
"""

from dataclasses import dataclass
from pathlib import Path

REPORTS = Path("reports")
LANGUAGE_MODELS = Path("models", "language")  # of our own: a Hugging Face folder each
LANGUAGE_MODEL_REPORTS = REPORTS / "language_models"  # whether each follows the attributes that it is given


def prepared(dataset: str) -> Path:
    """Normalized tables of a dataset."""
    return Path("data", "prepared", dataset)


def split(dataset: str) -> Path:
    """A dataset's split: pairs, users, manifest."""
    return Path("data", "split", dataset)


def states(dataset: str, backbone: str) -> Path:
    """The cache of a dataset's hidden states."""
    return Path("data", "states", dataset, backbone)


def surface(dataset: str) -> Path:
    """Surface features of a dataset's texts."""
    return Path("data", "surface", dataset)


def data_docs(dataset: str, gate: str) -> Path:
    """Data Docs of one gate, ``tables`` or ``split``."""
    return REPORTS / "data_docs" / dataset / gate


def ceiling(dataset: str, backbone: str) -> Path:
    """The oracle's results."""
    return REPORTS / "ceiling" / dataset / backbone


def signal(dataset: str, backbone: str) -> Path:
    """The test for a personal signal."""
    return REPORTS / "signal" / dataset / backbone


def search(method: str) -> Path:
    """A method's configurations and their scores."""
    return REPORTS / "search" / method


def portrait(dataset: str, backbone: str) -> Path:
    """What the default VRF has learnt of its users."""
    return REPORTS / "portrait" / dataset / backbone


def latency(dataset: str, backbone: str) -> Path:
    """How long a new user takes every method, and where that was measured."""
    return REPORTS / "latency" / dataset / backbone


def diagnosis(dataset: str, backbone: str) -> Path:
    """What choosing among more candidates gains by every model, and what keeps it from more."""
    return REPORTS / "diagnosis" / dataset / backbone


def asking(dataset: str, backbone: str) -> Path:
    """How well users are known by what they were asked."""
    return REPORTS / "asking" / dataset / backbone


def adapted(dataset: str) -> Path:
    """Weights of users who were adapted to in bulk, unless they are asked for in another place."""
    return Path("data", "adapted", dataset)


def online(dataset: str) -> Path:
    """Where the online service keeps what its users prefer, unless it is told another place."""
    return Path("data", "online", f"{dataset}.db")


def likelihoods(model: str) -> Path:
    """Log-probabilities of texts under conditions, by a language model: kept, so that none is computed twice."""
    return Path("data", "likelihoods", model)


def asked_likelihoods(model: str) -> Path:
    """The same of one person's texts, asked for on the command line: beside the stages' own, and no output of any."""
    return Path("data", "likelihoods", ".asked", model)


def judgements() -> Path:
    """A judge model's answers, by content: no output of a stage, so that a rerun asks nothing anew."""
    return Path("data", "judgements")


def personal_scores(model: str) -> Path:
    """How well whatever needs a language model predicts pairs, beside the reward models."""
    return REPORTS / "evaluation" / "scorers" / model


def adapters(model: str) -> Path:
    """What was trained for single users: adapters, and their margins of pairs."""
    return Path("models", "adapters", model)


def texts(model: str, writer: str) -> Path:
    """What a method wrote for users by a language model."""
    return REPORTS / "texts" / model / writer


def generation(model: str) -> Path:
    """Judgements, speed and the page of what was written by a language model."""
    return REPORTS / "generation" / model


def backbone_scale() -> Path:
    """What larger backbones gain, and what they cost."""
    return REPORTS / "backbone_scale"


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
    def parameters(self) -> str:
        """The cell's section of params.yaml."""
        return f"methods.{self.method}.{self.variant}"

    @property
    def bases(self) -> Path:
        """What the first training step leaves."""
        return Path("models", "bases", self.path)

    @property
    def model(self) -> Path:
        """Trained models, a folder per seed, with history.csv and training.json."""
        return Path("models", self.path)

    @property
    def evaluation(self) -> Path:
        """Results on evaluation pairs."""
        return REPORTS / "evaluation" / self.path

    def __str__(self) -> str:
        return "-".join(self.path.parts)


def checkpoints(cell: Cell, seed: int, number: int = 0) -> Path:
    """Where a training that moves its backbone keeps what it goes on from: no output of a stage, so DVC leaves it."""
    return choice_folder(seed_folder(Path("data", "checkpoints", cell.path), seed), number)


def tuned_backbone(model: Path) -> Path:
    """The backbone that was fine-tuned with the model in this folder, its weights or its adapters."""
    return model / "backbone"


def tuned_states(model: Path) -> Path:
    """The cache of that backbone's states."""
    return model / "states"


def seed_folder(parent: Path, seed: int | str) -> Path:
    """The folder of one seed's model."""
    return parent / f"seed-{seed}"


def choice_folder(parent: Path, number: int) -> Path:
    """The folder of what one of a model's choices leaves, below that of its seed."""
    return parent / f"choice-{number}"
