"""The figures of a training as MLflow metrics."""

import re
import time
from typing import TYPE_CHECKING

import pandas as pd

from prefactor.evaluation.results import ALL_SEEDS
from prefactor.trainings import Training

if TYPE_CHECKING:
    from mlflow.entities import Metric

FORBIDDEN = re.compile(r"[^\w./:\- ]")  # in a metric's name


def metrics(training: Training) -> list["Metric"]:
    """Training curves, then final figures.

    ``seed_0/loss`` etc. have the training step as step. ``unseen/accuracy`` is the mean over seeds, with
    ``/ci_low``, ``/ci_high`` (95 %, resampled over users) and ``/n_users``; ``seed_0/unseen/accuracy`` is one seed's.
    Few-shot figures end in ``/by_shots``, their step is the number of reference pairs.
    """
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    figures = [*_curves(training.history), *_finals(training.results)]
    return [Metric(name, value, now, step) for name, value, step in figures]


def _curves(history: pd.DataFrame) -> list[tuple[str, float, int]]:
    long = history.melt(["seed", "step"], var_name="name").dropna(subset="value")
    columns = zip(long["seed"], long["name"], long["value"], long["step"], strict=True)
    return [(f"seed_{seed}/{name}", float(value), int(step)) for seed, name, value, step in columns]


def _finals(results: pd.DataFrame) -> list[tuple[str, float, int]]:
    figures = []
    for row in results.itertuples():
        few_shot = not pd.isna(row.shots)
        parts = [row.split, row.metric, FORBIDDEN.sub(":", row.setting), "by_shots" if few_shot else ""]
        name, step = "/".join(filter(None, parts)), int(row.shots) if few_shot else 0
        if row.seed != ALL_SEEDS:
            figures.append((f"seed_{row.seed}/{name}", row.value, step))
            continue
        figures.append((name, row.value, step))
        figures += [(f"{name}/{extra}", getattr(row, extra), step) for extra in ("ci_low", "ci_high", "n_users")]
    return [(name, float(value), step) for name, value, step in figures if not pd.isna(value)]
