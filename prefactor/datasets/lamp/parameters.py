"""What the source ``lamp`` can be asked for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prefactor.errors import InputError

Utility = Literal["gold_utility", "rouge1", "rougeL"]


@dataclass(frozen=True)
class LampParameters:
    """Whose candidates, and what they are worth.

    candidates      name of the file of candidates in the dataset's folder
    split           published split that they were written for; null for the only one that is there
    policy          who wrote them; null where the file has one policy. A dataset holds the texts of one
    utility         the column that is their worth to the person
    minimum_margin  least difference between the highest and the lowest worth of a set, of its pair
    """

    candidates: str = "candidates.parquet"
    split: str | None = None
    policy: str | None = None
    utility: Utility = "gold_utility"
    minimum_margin: float = 0.0

    def __post_init__(self) -> None:
        if Path(self.candidates).name != self.candidates:
            raise InputError(f"lamp: candidates is {self.candidates!r}, but must name a file in the dataset's folder")
        if not self.minimum_margin >= 0:
            raise InputError(f"lamp: minimum_margin is {self.minimum_margin}, but must be 0 or more")
