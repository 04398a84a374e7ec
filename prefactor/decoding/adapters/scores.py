"""What users' adapters made of texts, kept on disk one user at a time: a run that was killed goes on."""

from pathlib import Path

import numpy as np

from prefactor.atomic import write_json
from prefactor.errors import InputError
from prefactor.reading import read_object


class Scores:
    """Rewards of texts, by a key that holds all that they depend on."""

    def __init__(self, folder: Path | None) -> None:
        """None for a memory of this run alone, which keeps nothing."""
        self._folder = folder

    def find(self, key: str, texts: int) -> np.ndarray | None:
        """(texts,) float64 rewards; None where they are not known. InputError where the file is damaged."""
        path = self._path(key)
        if path is None or not path.is_file():
            return None
        found = np.array(read_object(path, f"remove {path}").get("rewards"), dtype=np.float64)
        if found.shape != (texts,):
            raise InputError(f"{path} must hold the rewards of {texts} texts: remove it")
        return found

    def keep(self, key: str, rewards: np.ndarray) -> None:
        """Write rewards (texts,), whole or not at all."""
        if (path := self._path(key)) is not None:
            write_json(path, {"rewards": rewards.tolist()})

    def _path(self, key: str) -> Path | None:
        return None if self._folder is None else self._folder / f"{key}.json"
