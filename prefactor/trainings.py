"""What the stages wrote about each training: weights, history, figures."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from prefactor.choices import best
from prefactor.errors import InputError
from prefactor.evaluation.results import read_results
from prefactor.layout import Cell
from prefactor.reading import read_object

MATRIX = {"dataset": "datasets", "backbone": "backbones", "method": "methods", "variant": "variants"}


@dataclass(frozen=True)
class Training(Cell):
    """One method in one variant, trained with some seeds on one dataset's states by one backbone, below ``root``."""

    root: Path

    @property
    def name(self) -> str:
        """How it is called where people read."""
        return f"{self.method}/{self.variant} on {self.backbone}"

    @property
    def folder(self) -> Path:
        """Models, a folder per seed, with history.csv and training.json."""
        return self.root / self.model

    @property
    def evaluation(self) -> Path:
        """Figures on evaluation pairs."""
        return self.root / super().evaluation

    @cached_property
    def summary(self) -> Mapping[str, Any]:
        """training.json. InputError if it is broken or lacks what is needed here."""
        path = self.folder / "training.json"
        summary = read_object(path)
        missing = [key for key in ("seeds", "parameters", "run") if not summary.get(key)]
        if missing:
            raise InputError(f"{path} lacks {', '.join(missing)}: rerun stage train-encoder")
        return summary

    @property
    def run(self) -> str:
        """Content hash of the weights of all seeds."""
        return str(self.summary["run"])

    @property
    def tuned(self) -> bool:
        """Whether the backbone moved in it."""
        tuning = self.summary["parameters"].get("tuning")
        return tuning is not None and tuning["mode"] != "frozen"

    @property
    def validation_accuracy(self) -> float:
        """Mean over seeds of the best validation's accuracy: what steps, seeds and the champion are chosen by."""
        return fmean(seed["validation_accuracy"] for seed in self.summary["seeds"].values())

    @property
    def held_out_accuracy(self) -> float:
        """The same of held-out users alone, who are to a model what unseen users are."""
        kept = {seed: figures["best_step"] for seed, figures in self.summary["seeds"].items()}
        rows = self.history["step"] == self.history["seed"].map(kept)
        return float(self.history.loc[rows, "validation_users_accuracy"].mean())

    @property
    def choices_kept(self) -> dict[str, int]:
        """By seed, which of the model's choices was kept; empty where there was nothing to choose."""
        found = {seed: figures.get("validation_log_losses", []) for seed, figures in self.summary["seeds"].items()}
        return {seed: best(log_losses) for seed, log_losses in found.items() if len(log_losses) > 1}

    @property
    def best_seed(self) -> str:
        """The seed that validated best; the first of equals."""
        seeds = self.summary["seeds"]
        return max(seeds, key=lambda seed: seeds[seed]["validation_accuracy"])

    @cached_property
    def history(self) -> pd.DataFrame:
        """history.csv: one row per seed and epoch, and per validation; scores are NaN where there was none."""
        path = self.folder / "history.csv"
        try:
            return pd.read_csv(path, dtype={"seed": str})
        except (FileNotFoundError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise InputError(f"{path} cannot be read ({error}): rerun stage train-encoder") from error

    @cached_property
    def results(self) -> pd.DataFrame:
        """The rows of results.parquet."""
        return read_results(self.evaluation / "results.parquet")

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """Data of the reliability diagrams by split and shots; empty where there are none."""
        return self._table("reliability")

    @cached_property
    def selective(self) -> pd.DataFrame:
        """Accuracy against coverage by split and shots; empty where there is none."""
        return self._table("selective")

    @cached_property
    def draws(self) -> pd.DataFrame:
        """Accuracy of every draw of few shots; empty where none were drawn."""
        return self._table("draws")

    @cached_property
    def size(self) -> pd.DataFrame:
        """Parameters by number of seen users, trained and kept; empty where nobody counted."""
        return self._table("size")

    def _table(self, name: str) -> pd.DataFrame:
        path = self.evaluation / f"{name}.parquet"
        return pd.read_parquet(path) if path.exists() else pd.DataFrame()

    @property
    def evaluated(self) -> bool:
        """Is there a results table, and does it judge these weights rather than earlier ones."""
        return (self.evaluation / "results.parquet").exists() and set(self.results["run"]) == {self.run}

    @property
    def key(self) -> str:
        """16 hex digits that name what would be published: the weights, their history, their figures."""
        digest = hashlib.sha256(str(self.path).encode())
        digest.update(json.dumps(self.summary, sort_keys=True).encode())
        for path in (self.folder / "history.csv", self.evaluation / "results.parquet"):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]


def find_trainings(root: Path, wanted: Mapping[str, Any]) -> list[Training]:
    """All trainings below ``root`` that ``wanted`` asks for: section ``run`` of params.yaml, or {} for all."""
    models = root / "models"
    found = [_training(root, path.parent.relative_to(models)) for path in sorted(models.glob("*/*/*/*/training.json"))]
    return [training for training in found if _asked_for(training, wanted)]


def _training(root: Path, cell: Path) -> Training:
    dataset, backbone, method, variant = cell.parts
    return Training(dataset, backbone, method, variant, root)


def _asked_for(training: Training, wanted: Mapping[str, Any]) -> bool:
    parts = {names: getattr(training, part) for part, names in MATRIX.items()}
    return all(part in wanted.get(names, [part]) for names, part in parts.items())
