"""The results table: a row per figure, stable order, files that come back."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from prefactor.errors import InputError
from prefactor.evaluation.accuracy import UserFigures
from prefactor.evaluation.calibration import Forecast
from prefactor.evaluation.items import Outcomes
from prefactor.evaluation.results import (
    PER_USER,
    RESULTS,
    Judged,
    outcomes,
    per_user_table,
    read_results,
    result_rows,
    selective,
    setting_text,
    write_results,
)
from prefactor.methods.base import Margin
from tests.worlds import make_pairs

IDENTITY = {
    "dataset": "tiny",
    "protocol": "global",
    "backbone": "none",
    "method": "bt",
    "variant": "default",
    "setting": "",
    "run": "0123456789abcdef",
}


def figures(seed: int, users: int) -> UserFigures:
    values = np.random.default_rng(seed).random(users)
    return UserFigures(values, 1 - values, np.full(users, 4), values**2, 2 - values, values**3)


@pytest.fixture
def judged() -> list[Judged]:
    def group(split: str, shots: int | None, users: int) -> Judged:
        names = tuple(f"{split}-{number}" for number in range(users))
        return Judged(split, shots, names, {"0": figures(0, users), "1": figures(1, users)})

    return [group("seen", None, 5), group("unseen", None, 8), group("unseen", 3, 8)]


def test_every_figure_has_a_row_per_seed_and_their_mean(judged: list[Judged]) -> None:
    rows = result_rows(judged, IDENTITY)
    assert list(rows.columns) == RESULTS.names
    assert len(rows) == 4 * 5 * 3  # seen, unseen, unseen at 3, overall x five metrics x two seeds and all
    for _, group in rows.groupby(["split", "shots", "metric"], dropna=False):
        by_seed = group.set_index("seed")["value"]
        assert by_seed["all"] == pytest.approx(by_seed[["0", "1"]].mean())
    assert (rows.ci_low <= rows.value).all() and (rows.value <= rows.ci_high).all()


def test_overall_is_the_mean_of_seen_and_unseen(judged: list[Judged]) -> None:
    rows = result_rows(judged, IDENTITY).query("metric == 'accuracy' and seed == 'all'")
    whole = rows[rows.shots.isna()].set_index("split")
    assert whole.value["overall"] == pytest.approx((whole.value["seen"] + whole.value["unseen"]) / 2)
    assert whole.n_users["overall"] == 13


def test_what_is_known_by_pair_has_an_interval_over_prompts_over_all_seeds(judged: list[Judged]) -> None:
    def pairs(users: int) -> Outcomes:
        pair = np.arange(4 * users)
        return Outcomes(np.random.default_rng(users).random(4 * users), pair // 4, pair[:, None] % 6, "prompts")

    def forecast(users: int) -> Forecast:
        mean = torch.randn(4 * users, generator=torch.Generator().manual_seed(users))
        return Forecast.of(Margin(mean, torch.ones_like(mean)), make_pairs(users, 4))

    known = [
        replace(
            group,
            outcomes=dict.fromkeys(PER_USER, pairs(len(group.user_ids))),
            forecasts=dict.fromkeys(group.figures, forecast(len(group.user_ids))),
        )
        for group in judged
    ]
    rows = result_rows(known, IDENTITY)
    has = rows.low_items.notna()
    assert (has == (rows.seed == "all")).all() and has.sum() == 4 * (len(PER_USER) + 2)
    assert {"ece", "ece_plain", *PER_USER} == set(rows[has].metric)
    assert set(rows[has].resampled) == {"users; users and prompts"} and set(rows[~has].resampled) == {"users"}
    assert set(rows[has].n_items) == {6} and len(outcomes(known)) == 4 * (5 + 8 + 8)
    assert len(outcomes(judged)) == 0


def test_users_are_set_aside_by_the_candidates_that_were_asked_for(judged: list[Judged]) -> None:
    margin = torch.linspace(-2, 2, 40)
    pairs = replace(make_pairs(8, 5), segment=torch.arange(8).repeat_interleave(5))
    group = judged[1]
    forecasts = {seed: Forecast.of(Margin(margin, torch.zeros(40)), pairs) for seed in group.figures}
    errors = {seed: 1 - own.accuracy for seed, own in group.figures.items()}
    known = replace(
        group,
        forecasts=forecasts,
        doubts={seed: {"fitted": error, "combined": -error, "flip_rate": error} for seed, error in errors.items()},
    )
    curves = selective([known]).set_index("by")["accuracy"]
    assert list(curves.index.unique()) == ["pairs", "users", "combined", "fitted"]
    best, worst = curves["fitted"], curves["combined"]
    assert (best.diff().dropna() <= 0).all() and (worst.diff().dropna() >= 0).all()
    assert list(selective([replace(known, doubts={})])["by"].unique()) == ["pairs", "users"]


def test_files_come_back(judged: list[Judged], tmp_path) -> None:
    rows = result_rows(judged, IDENTITY)
    write_results(rows, tmp_path / "results.parquet", tmp_path / "results.csv")
    pd.testing.assert_frame_equal(read_results(tmp_path / "results.parquet"), rows)
    assert len((tmp_path / "results.csv").read_text().splitlines()) == len(rows) + 1


def test_a_missing_file_says_which_stage_makes_it(tmp_path) -> None:
    with pytest.raises(InputError, match="rerun stage evaluate"):
        read_results(tmp_path / "results.parquet")


def test_per_user_table_has_every_user_and_seed(judged: list[Judged]) -> None:
    table = per_user_table(judged)
    assert len(table) == 2 * (5 + 8 + 8)
    assert set(table.seed) == {"0", "1"}


def test_setting_text_is_sorted() -> None:
    assert setting_text({"b": 2, "a": 1}) == "a=1;b=2"
