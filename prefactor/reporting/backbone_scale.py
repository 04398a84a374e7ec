"""What larger backbones gain and cost when they are fine-tuned (VRF, Table 5): one row a training."""

from collections.abc import Iterable, Iterator
from statistics import fmean

import pandas as pd

from prefactor.evaluation.results import ALL_SEEDS
from prefactor.trainings import Training

SPLITS = ("seen", "unseen", "overall")
NAMES = ["dataset", "backbone", "method", "variant"]
COSTS = ["backbone_weights", "training_minutes", "inference_minutes"]
ACCURACY = [f"{split}{part}" for split in SPLITS for part in ("", "_low", "_high")]
COLUMNS = [*NAMES, "mode", *COSTS, "seeds", *ACCURACY]


def scale_table(trainings: Iterable[Training]) -> pd.DataFrame:
    """COLUMNS of every evaluated training that moved its backbone, by its number of weights.

    Accuracies are means over seeds with 95 % intervals over users, as evaluated; minutes are means over seeds, measured
    where they were trained, which may be another machine for each row.
    """
    found = [_row(training) for training in trainings if training.tuned and training.evaluated]
    order = [*NAMES[:1], *NAMES[2:], "backbone_weights"]
    return pd.DataFrame(found, columns=COLUMNS).sort_values(order, kind="stable", ignore_index=True)


def _row(training: Training) -> dict[str, object]:
    seeds = list(training.summary["seeds"].values())
    costs = {name: fmean(seed[name] for seed in seeds) for name in COSTS}
    names = {name: getattr(training, name) for name in NAMES}
    mode = training.summary["parameters"]["tuning"]["mode"]
    return {**names, "mode": mode, **costs, "seeds": len(seeds), **dict(_accuracies(training.results))}


def _accuracies(results: pd.DataFrame) -> Iterator[tuple[str, float]]:
    whole = results[results["shots"].isna() & (results["metric"] == "accuracy") & (results["seed"] == ALL_SEEDS)]
    for split, row in whole[whole["setting"] == ""].set_index("split").iterrows():
        if split in SPLITS:
            yield from zip((split, f"{split}_low", f"{split}_high"), row[["value", "ci_low", "ci_high"]], strict=True)


def scale_text(table: pd.DataFrame) -> str:
    """The table as Markdown, accuracies in percent."""
    heads = ["Backbone", "Weights", "Mode", "Seen", "Unseen", "Overall", "Training (min)", "Inference (min)"]
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    for (dataset, method, variant), rows in table.groupby(["dataset", "method", "variant"], sort=False):
        lines.append(f"| {dataset}, {method} ({variant}) {'| ' * len(heads)}".rstrip())
        lines += [_line(row) for _, row in rows.iterrows()]
    return "\n".join(lines) + "\n"


def _line(row: pd.Series) -> str:
    accuracies = [f"{100 * row[s]:.2f} [{100 * row[f'{s}_low']:.2f}, {100 * row[f'{s}_high']:.2f}]" for s in SPLITS]
    minutes = [f"{row[name]:.1f}" for name in ("training_minutes", "inference_minutes")]
    cells = [row["backbone"], f"{row['backbone_weights']:,.0f}", row["mode"], *accuracies, *minutes]
    return f"| {' | '.join(cells)} |"
