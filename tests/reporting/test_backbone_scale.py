"""The table of fine-tuned backbones: those that moved, by size, with what was measured of them."""

import json
from pathlib import Path

import pandas as pd

from prefactor.evaluation.results import in_schema, write_results
from prefactor.reporting.backbone_scale import COLUMNS, scale_table, scale_text
from prefactor.trainings import find_trainings


def write_training(root: Path, backbone: str, tuning: dict[str, object] | None, weights: int) -> None:
    cell = Path("world", backbone, "vrf", "scaled")
    folder, evaluation = root / "models" / cell, root / "reports" / "evaluation" / cell
    for place in (folder, evaluation):
        place.mkdir(parents=True)
    costs = {"training_minutes": weights / 10, "inference_minutes": 2.0, "backbone_weights": weights}
    seeds = {str(seed): {"validation_accuracy": 0.5, **(costs if tuning else {})} for seed in range(2)}
    summary = {"seeds": seeds, "parameters": {"model": {}, "tuning": tuning}, "run": "abc"}
    (folder / "training.json").write_text(json.dumps(summary))
    names = {"dataset": "world", "protocol": "global", "backbone": backbone, "method": "vrf", "variant": "scaled"}
    names |= {"setting": ""}
    rows = [
        {**names, "run": "abc", "seed": seed, "split": split, "metric": metric, "value": value, "shots": shots}
        | {"ci_low": value - 0.1, "ci_high": value + 0.1}
        for seed in ("0", "all")
        for split, value in (("seen", 0.6), ("unseen", 0.5), ("overall", 0.55))
        for metric in ("accuracy", "brier")
        for shots in (None, 3)
    ]
    write_results(in_schema(pd.DataFrame(rows)), evaluation / "results.parquet")


def test_it_has_a_row_for_every_backbone_that_moved(tmp_path: Path) -> None:
    write_training(tmp_path, "large", {"mode": "lora"}, 900)
    write_training(tmp_path, "small", {"mode": "full"}, 100)
    write_training(tmp_path, "still", {"mode": "frozen"}, 5)
    write_training(tmp_path, "frozen", None, 5)
    table = scale_table(find_trainings(tmp_path, {}))
    assert list(table["backbone"]) == ["small", "large"] and list(table.columns) == COLUMNS
    assert list(table["training_minutes"]) == [10.0, 90.0] and list(table["seeds"]) == [2, 2]
    assert list(table["overall"]) == [0.55, 0.55] and list(table["seen_low"]) == [0.5, 0.5]
    text = scale_text(table)
    assert "| large | 900 | lora | 60.00 [50.00, 70.00] | 50.00" in text and "world, vrf (scaled)" in text


def test_a_run_that_moves_none_has_an_empty_table(tmp_path: Path) -> None:
    write_training(tmp_path, "frozen", None, 5)
    table = scale_table(find_trainings(tmp_path, {}))
    assert table.empty and list(table.columns) == COLUMNS and len(scale_text(table).splitlines()) == 2
