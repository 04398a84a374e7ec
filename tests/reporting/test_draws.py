"""Shots drawn anew, on the page: the spread is that of draws, not of seeds."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prefactor.reporting import collect, write_report
from prefactor.reporting.draws import PLUS_MINUS, spread_over_draws
from prefactor.reporting.estimates import TO


def table(shots: tuple[int, ...] = (1, 9), draws: int = 4) -> pd.DataFrame:
    """Draws that lie 0, 1, 2, ... points above 70 %, and seeds 5 points apart."""
    rows = [
        (str(seed), size, draw, 0.7 + 0.01 * draw + 0.05 * (seed - 0.5) + 0.001 * size)
        for seed in range(2)
        for size in shots
        for draw in range(draws)
    ]
    return pd.DataFrame(rows, columns=["seed", "shots", "draw", "accuracy"])


def test_seeds_are_averaged_before_the_spread_is_taken() -> None:
    found = spread_over_draws(table())
    assert list(found.index) == [1, 9]
    assert found["mean"][1] == pytest.approx(0.716) and found["std"][1] == pytest.approx(np.std(range(4), ddof=1) / 100)
    assert (found["min"][9], found["max"][9]) == pytest.approx((0.709, 0.739)) and (found["draws"] == 4).all()


def test_the_page_shows_mean_and_spread_where_there_were_draws(
    tmp_path: Path, results: Callable[..., pd.DataFrame], make_run: Callable[[Path], None]
) -> None:
    make_run(tmp_path)
    out = tmp_path / "reports" / "index.html"
    write_report(tmp_path, out, results(), collect(tmp_path))
    assert "Which pairs they are" not in out.read_text()
    folder = tmp_path / "reports/evaluation/stylebench/minilm/vrf/default"
    table().to_parquet(folder / "draws.parquet", index=False)
    table()[:0].to_parquet(folder.parents[1] / "lore/default/draws.parquet", index=False)
    write_report(tmp_path, out, results(), collect(tmp_path))
    page = out.read_text()
    assert "Which pairs they are" in page and "drawn at random, 4 times" in page
    assert f"71.6 {PLUS_MINUS} 1.3" in page and f"70.1 {TO} 73.1" in page
