"""A training's figures as SVG files, to look at beside its numbers."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from prefactor.trainings import Training

SIZE = (6.4, 4.0)  # inches


def write_figures(training: Training, folder: Path) -> None:
    """Write training.svg, and few_shot.svg where few-shot accuracies were measured."""
    _write(_training, training.history, training, folder / "training.svg")
    rows = training.results
    few_shot = rows[rows["shots"].notna() & (rows["metric"] == "accuracy") & (rows["seed"] == "all")]
    if len(few_shot):
        _write(_few_shot, few_shot, training, folder / "few_shot.svg")


def _write(draw: Callable[[Axes, pd.DataFrame], None], rows: pd.DataFrame, training: Training, path: Path) -> None:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    draw(axes, rows)
    axes.set_title(f"{training.dataset}: {training.name}")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def _training(axes: Axes, history: pd.DataFrame) -> None:
    for seed, rows in history.dropna(subset="validation_users_accuracy").groupby("seed"):
        line = axes.plot(rows["step"], 100 * rows["validation_users_accuracy"], label=f"held-out users, seed {seed}")
        axes.plot(
            rows["step"],
            100 * rows["validation_seen_accuracy"],
            linestyle=":",
            color=line[0].get_color(),
            label=f"held-out pairs of seen users, seed {seed}",
        )
    axes.set(xlabel="training step", ylabel="validation accuracy, %")


def _few_shot(axes: Axes, rows: pd.DataFrame) -> None:
    for split, points in rows.groupby("split"):
        points = points.sort_values("shots")
        shots, low, high = (points[name].astype(float) for name in ("shots", "ci_low", "ci_high"))
        axes.plot(shots, 100 * points["value"], marker="o", label=f"{split} users")
        axes.fill_between(shots, 100 * low, 100 * high, alpha=0.2, label="95 % over users")
    axes.set(xlabel="reference pairs of the user", ylabel="accuracy, %", xscale="log")
    axes.set_xticks(sorted(set(rows["shots"])), labels=[str(shots) for shots in sorted(set(rows["shots"]))])
    axes.minorticks_off()
