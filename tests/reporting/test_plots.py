"""What DVC compares: metrics and tidy curves."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from prefactor.reporting import collect, metrics, write_plots

Maker = Callable[..., pd.DataFrame]


def test_metrics_are_the_means_over_seeds(results: Maker) -> None:
    rows = pd.concat([results(), results("prism", "qwen")])
    found = metrics(rows)
    assert list(found) == ["stylebench", "prism"] and "oracle.true scores" in found["stylebench"]["minilm"]
    wanted = rows[(rows.seed == "all") & rows.shots.isna() & (rows.metric == "accuracy")]
    for row in wanted.itertuples():
        assert found[row.dataset][row.backbone][f"{row.method}.{row.variant}"][row.split] == row.value
    assert sum(len(splits) for backbones in found.values() for m in backbones.values() for splits in m.values()) == len(
        wanted
    )
    json.dumps(found, allow_nan=False)


def test_metrics_leave_out_what_is_unknown(results: Maker) -> None:
    rows = results()
    rows.loc[rows.split == "seen", "value"] = float("nan")
    assert set(metrics(rows)["stylebench"]["minilm"]["vrf.default"]) == {"unseen", "overall"}


def test_settings_and_protocols_keep_their_own_keys(results: Maker) -> None:
    rows = results()
    other = rows.assign(protocol="pairs", value=0.5)
    found = metrics(pd.concat([rows, other, rows.assign(setting="a=1")]))
    assert list(found) == ["stylebench (global)", "stylebench (pairs)"]
    assert "vrf.default;a=1" in found["stylebench (global)"]["minilm"]


def test_plots_are_tidy(results: Maker, finished_run: Path, tmp_path: Path) -> None:
    write_plots(results(), tmp_path / "plots", collect(finished_run).trainings)
    curve = pd.read_csv(tmp_path / "plots/few_shot.csv")
    assert len(curve) == 6 * 7 and set(curve.shots) == {1, 3, 5, 7, 9, 20, 45}
    training = pd.read_csv(tmp_path / "plots/training.csv")
    assert len(training) == 6 * 3 * 10
    both = (training.validation_seen_accuracy + training.validation_users_accuracy) / 2
    assert training.validation_accuracy.tolist() == pytest.approx(both.tolist())


def test_plots_without_rows_have_headers(results: Maker, tmp_path: Path) -> None:
    write_plots(results().iloc[:0], tmp_path / "plots")
    assert len(pd.read_csv(tmp_path / "plots/few_shot.csv")) == len(pd.read_csv(tmp_path / "plots/training.csv")) == 0
