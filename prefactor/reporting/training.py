"""How the contenders were trained: the curves, what was kept, and how many parameters that takes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import pandas as pd
from markupsafe import Markup

from prefactor.reporting import figures
from prefactor.reporting.estimates import PERCENT, TO, Estimate
from prefactor.reporting.facts import flat, number
from prefactor.reporting.panels import Styles
from prefactor.reporting.style import Style
from prefactor.reporting.tables import Cell, Contender, Row, Section, Table
from prefactor.trainings import Training

TRAINED = {
    "trainable_parameters": "Parameters of the last step",
    "choice": "Choice kept, by seed",
    "best_step": "Step kept, by seed",
    "validation_accuracy": "Validation accuracy, %",
}


@dataclass(frozen=True)
class TrainingView:
    """How one contender was trained: the curves, and per seed what came of it."""

    label: str
    style: Style
    drawing: Markup | None
    cells: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]


def trainings_of(section: Section, trainings: Sequence[Training]) -> dict[Contender, Training]:
    """The trainings behind a section's contenders; none of two halves together, whose models are the halves' own."""
    return _trainings_on(section.dataset, section, trainings)


def validated(section: Section, trainings: Sequence[Training]) -> dict[Contender, float]:
    """Accuracy of the contenders on held-out users' validation pairs, mean over seeds; those without any are left out.

    Seen users' validation pairs may be of texts that the same user has judged in training, and flatter what remembers.
    Of two halves together it is the mean of the halves'.
    """
    parts = [_trainings_on(dataset, section, trainings) for dataset in section.halves or (section.dataset,)]
    everywhere = [item for item in parts[0] if all(item in part for part in parts)]
    found = {item: fmean(part[item].held_out_accuracy for part in parts) for item in everywhere}
    return {item: accuracy for item, accuracy in found.items() if not math.isnan(accuracy)}


def _trainings_on(dataset: str, section: Section, trainings: Sequence[Training]) -> dict[Contender, Training]:
    by_name = {
        (item.method, item.variant): item
        for item in trainings
        if (item.dataset, item.backbone) == (dataset, section.backbone)
    }
    return {item: by_name[item[:2]] for item in section.contenders() if item[:2] in by_name}


def training_views(section: Section, styled: Styles, trainings: Sequence[Training]) -> tuple[TrainingView, ...]:
    """All contenders; their curves share a range."""
    known = trainings_of(section, trainings)
    limits = _training_limits([*known.values()])
    return tuple(_training(section, item, styled[item], training, limits) for item, training in known.items())


def size_table(section: Section, styled: Styles, trainings: Sequence[Training], count: str) -> Table | None:
    """Parameters had each method been trained on so many users, ``trained`` or ``kept`` (LoRe, Figure 3)."""
    found = {item: training.size for item, training in trainings_of(section, trainings).items()}
    counts = {
        item: dict(zip(table["users"], table[count], strict=True)) for item, table in found.items() if count in table
    }
    users = sorted({size for table in counts.values() for size in table})
    rows = tuple(
        Row(item.label, styled.get(item), tuple(_count(table.get(size)) for size in users))
        for item, table in counts.items()
    )
    return Table(tuple(number(int(size)) for size in users), rows) if rows else None


def _count(value: int | None) -> Cell:
    return Cell(TO) if value is None else Cell(number(int(value)), order=float(value))


def _training_limits(trainings: Sequence[Training]) -> tuple[float, float]:
    columns = [item.history.get(name) for item in trainings for name in _VALIDATION]
    values = [Estimate(float(value)) for column in columns if column is not None for value in column.dropna()]
    return figures.limits_of(values, PERCENT)


_VALIDATION = ("validation_users_accuracy", "validation_seen_accuracy")


def _training(
    section: Section, item: Contender, style: Style, training: Training, limits: tuple[float, float]
) -> TrainingView:
    kept: Mapping[str, Mapping[str, Any]] = training.summary.get("seeds", {})
    paths = _paths(training.history, kept)
    words = f"{item.label}: validation accuracy by step, one line per seed; kept steps: " + ", ".join(
        f"seed {seed} step {result.get('best_step', '?')}" for seed, result in kept.items()
    )
    name = f"{section.anchor}-training-{item.method}-{item.variant}"
    drawing = figures.training(paths, style.hex, limits, name, words) if paths else None
    chosen = {seed: {**kept[seed], "choice": number} for seed, number in training.choices_kept.items()}
    cells = tuple(_over_seeds({**kept, **chosen}, key) for key in TRAINED)
    return TrainingView(item.label, style, drawing, cells, tuple(flat(training.summary.get("parameters", {}))))


def _over_seeds(kept: Mapping[str, Mapping[str, Any]], key: str) -> str:
    """One value for all seeds where they agree, else each seed's."""
    values = [result[key] for result in kept.values() if key in result]
    texts = [PERCENT.text(value) if "accuracy" in key else number(value) for value in values]
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def _paths(history: pd.DataFrame, kept: Mapping[str, Mapping[str, Any]]) -> list[figures.Path]:
    if not {"seed", "step", *_VALIDATION} <= set(history.columns):
        return []
    paths = []
    for seed, rows in history.dropna(subset=_VALIDATION[0]).groupby("seed", sort=True):
        steps = tuple(int(step) for step in rows["step"])
        users, pairs = (tuple(map(float, rows[name])) for name in _VALIDATION)
        best = kept.get(str(seed), {}).get("best_step")
        paths.append(figures.Path(str(seed), steps, users, pairs, None if best is None else int(best)))
    return paths
