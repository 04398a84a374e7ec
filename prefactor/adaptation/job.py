"""What is to be done: whose pairs, by which model, on which states, and where it goes."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from prefactor.adaptation.source import Source
from prefactor.backbones import open_states
from prefactor.backbones.identity import check_identity
from prefactor.errors import InputError
from prefactor.methods.base import RewardModel
from prefactor.methods.storage import MODEL, WEIGHTS, load_model
from prefactor.methods.vrf import VRF
from prefactor.reading import read_object
from prefactor.serving.package import DESCRIPTION

FORMAT = 1
ROWS_PER_PART = 1_000_000


@dataclass(frozen=True)
class Job:
    """A bulk adaptation.

    pairs           a parquet file of reference pairs, or a folder of them: user_id, and text ids chosen and rejected
    model           the folder of a trained VRF, or of a packed one
    states          the cache of the texts' states
    out             the folder that is written
    state           keep what later pairs move on, as the user store keeps it
    sort            the pairs are in no order: bring them into one first
    rows_per_part   pairs that are adapted to as one task
    """

    pairs: Path
    model: Path
    states: Path
    out: Path
    state: bool = False
    sort: bool = False
    rows_per_part: int = ROWS_PER_PART

    def __post_init__(self) -> None:
        if self.rows_per_part < 1:
            raise InputError(f"rows_per_part must be at least 1, got {self.rows_per_part}")

    def digest(self) -> str:
        """What tells it from other jobs for the same folder: the content of its inputs, and its options."""
        found = hashlib.sha256(f"{FORMAT} {self.state} {self.sort} {self.rows_per_part} ".encode())
        found.update(Source.open(self.pairs).digest().encode())
        for name in (MODEL, WEIGHTS):
            found.update((self.model / name).read_bytes())
        found.update(repr(sorted(open_states(self.states).identity.items())).encode())
        return found.hexdigest()

    def check(self) -> None:
        """InputError for a model that is none, or reads other states."""
        model_in(self.model)
        package = self.model / DESCRIPTION
        if package.is_file():
            expected = read_object(package, "publish the model again")["identity"]
            check_identity(open_states(self.states).identity, expected, f"name the states of it, not {self.states}")


def model_in(folder: Path) -> VRF:
    """The trained VRF in a folder."""
    model: RewardModel = load_model(folder)
    if not isinstance(model, VRF):
        raise InputError(f"{folder} holds a {model.name}: users are adapted in bulk by vrf alone")
    return model
