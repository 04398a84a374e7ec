"""The model of a dataset that is published: the best VRF by validation. Evaluation pairs have no say.

Where another is served already, it is for promotion to say whether this one takes its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prefactor.trainings import Training

SERVED = "vrf"  # the method whose user states can be updated pair by pair and know how uncertain they are


@dataclass(frozen=True)
class Candidate:
    """The chosen training, its best seed, and the trainings that it was chosen from."""

    training: Training
    seed: str
    contenders: tuple[Training, ...]

    @property
    def folder(self) -> Path:
        """Weights and known users."""
        return self.training.folder / f"seed-{self.seed}"


def choose(trainings: Sequence[Training]) -> Candidate | None:
    """The VRF variant and backbone with the highest validation accuracy (mean over seeds), with its best seed.

    ``trainings`` are one dataset's; None if no VRF is among them. The first by name of equals. One that fine-tuned its
    backbone is not served, and no contender.
    """
    contenders = sorted(
        (t for t in trainings if t.method == SERVED and not t.tuned),
        key=lambda t: (-t.validation_accuracy, t.path),
    )
    return Candidate(contenders[0], contenders[0].best_seed, tuple(contenders)) if contenders else None
