"""What DVC compares between commits: a nested dictionary of metrics and small tidy CSV files of curves."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from prefactor.atomic import atomic_folder
from prefactor.evaluation.results import ALL_SEEDS
from prefactor.reporting.tables import ACCURACY, SPLITS, Contender, Section, checked, sections
from prefactor.trainings import Training

FEW_SHOT = ["dataset", "backbone", "method", "variant", "setting", "shots", "accuracy", "ci_low", "ci_high"]
TRAINING = ["dataset", "backbone", "method", "variant", "seed", "step", "loss", "validation_accuracy"]
VALIDATION = ["validation_seen_accuracy", "validation_users_accuracy"]

Metrics = dict[str, dict[str, dict[str, dict[str, float]]]]


def metrics(results: pd.DataFrame) -> Metrics:
    """dataset -> backbone -> method.variant -> split -> accuracy (mean over seeds, all reference pairs).

    A setting follows its variant after a semicolon. A dataset scored under several protocols appears once for each.
    """
    found = sections(results)
    values: Metrics = {}
    for section in found:
        protocols = {other.protocol for other in found if other.dataset == section.dataset}
        name = section.dataset if len(protocols) == 1 else f"{section.dataset} ({section.protocol})"
        values.setdefault(name, {})[section.backbone] = _accuracies(section)
    return values


def write_plots(results: pd.DataFrame, folder: Path, trainings: Sequence[Training] = ()) -> None:
    """Write few_shot.csv and training.csv to ``folder``, whole or not at all; a file without rows has its header."""
    with atomic_folder(folder) as scratch:
        _few_shot(results).to_csv(scratch / "few_shot.csv", index=False)
        _training(trainings).to_csv(scratch / "training.csv", index=False)


def _accuracies(section: Section) -> dict[str, dict[str, float]]:
    rows = {_key(item): _splits(section, item) for item in section.everyone()}
    return {name: splits for name, splits in sorted(rows.items()) if splits}


def _splits(section: Section, item: Contender) -> dict[str, float]:
    found = {split: section.get(item, ACCURACY, split) for split in SPLITS}
    return {split: e.value for split, e in found.items() if e is not None and math.isfinite(e.value)}


def _key(item: Contender) -> str:
    return ";".join(part for part in (f"{item.method}.{item.variant}", item.setting) if part)


def _few_shot(results: pd.DataFrame) -> pd.DataFrame:
    table = checked(results)
    wanted = (table.metric == ACCURACY) & (table.split == "unseen") & (table.seed == ALL_SEEDS) & table.shots.notna()
    rows = table[wanted].rename(columns={"value": "accuracy"})[FEW_SHOT]
    return rows.sort_values(FEW_SHOT[:6], ignore_index=True)


def _training(trainings: Sequence[Training]) -> pd.DataFrame:
    """A row per validation; ``validation_accuracy`` is the mean of seen and held-out users, by which a step is kept."""
    tables = [
        item.history.assign(dataset=item.dataset, backbone=item.backbone, method=item.method, variant=item.variant)
        for item in trainings
        if len(item.history)
    ]
    if not tables:
        return pd.DataFrame(columns=[*TRAINING, *VALIDATION])
    joined = pd.concat(tables, ignore_index=True).dropna(subset=VALIDATION[1:], ignore_index=True)
    joined["validation_accuracy"] = joined[VALIDATION].mean(axis=1)
    return joined[[*TRAINING, *VALIDATION]]
