"""Spearman's correlation against ranking anew; what an uncertainty knows of users whose error is known."""

import numpy as np
import pandas as pd
import pytest

from prefactor.evaluation.intervals import RESAMPLES, over_users
from prefactor.evaluation.ranking import rank_correlation, ranking_rows

IDENTITY = {"dataset": "d", "protocol": "p", "backbone": "b", "method": "m", "variant": "v", "run": "r"}


def spearman(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(pd.Series(first).rank(), pd.Series(second).rank())[0, 1])


def related(users: int, levels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two related quantities, the second with ties."""
    generator = np.random.default_rng(seed)
    first = generator.normal(size=users)
    return first, np.round(levels * (first + generator.normal(size=users))) / levels


@pytest.mark.parametrize("levels", [1, 4, 1000])
def test_pseudo_values_average_to_spearmans_correlation(levels: int) -> None:
    first, second = related(80, levels)
    assert rank_correlation(first, second).mean() == pytest.approx(spearman(first, second))


def test_their_interval_is_that_of_ranking_every_resample_anew() -> None:
    first, second = related(300, 5)
    drawn = np.random.default_rng(0).integers(0, 300, (RESAMPLES // 4, 300))
    brute = np.quantile([spearman(first[row], second[row]) for row in drawn], [0.025, 0.975])
    found = over_users(rank_correlation(first, second))
    np.testing.assert_allclose([found.low, found.high], brute, atol=0.012)


def test_users_without_a_figure_and_constants_are_left_out() -> None:
    first, second = related(50, 3)
    known = rank_correlation(first, second)
    more = rank_correlation(np.append(first, [np.nan, 1.0]), np.append(second, [0.0, np.nan]))
    np.testing.assert_allclose(more[:50], known)
    assert np.isnan(more[50:]).all() and np.isnan(rank_correlation(np.ones(50), second)).all()


def per_user(users: int = 300, known: int = 9, shots: int | None = None, **doubts: np.ndarray) -> pd.DataFrame:
    """Two seeds; the error falls from user to user."""
    accuracy = np.linspace(0.4, 0.9, users)
    columns = {f"uncertainty_{name}": values for name, values in doubts.items()}
    shared = {"split": "unseen", "shots": shots, "user_id": [f"u{number:04}" for number in range(users)], "pairs": 10}
    frames = [
        pd.DataFrame({**shared, "seed": seed, "accuracy": accuracy + shift, "known": known, **columns})
        for seed, shift in (("0", 0.0), ("1", 0.01))
    ]
    return pd.concat(frames, ignore_index=True).astype({"shots": "Int64"})


def candidates(users: int = 300) -> dict[str, np.ndarray]:
    """One that knows, one that knows a little, one that knows nothing, one that is the same for all."""
    falling, noise = -np.linspace(0, 1, users), np.random.default_rng(0).normal(size=(2, users))
    return {
        "sure": falling,
        "low_confidence": falling + noise[0],
        "idle": noise[1],
        "constant": np.full(users, 0.5),
    }


def test_candidates_that_fail_are_told_from_those_that_do_not() -> None:
    rows = ranking_rows(per_user(**candidates()), IDENTITY)
    found = rows[rows["seed"] == "all"].set_index("metric")
    assert found["value"]["uncertainty_sure"] == pytest.approx(1)
    assert found["ci_low"]["uncertainty_low_confidence"] > 0
    assert found["ci_low"]["uncertainty_idle"] < 0 < found["ci_high"]["uncertainty_idle"]
    assert not rows["metric"].str.contains("constant").any()
    assert (
        found["ci_low"]["uncertainty_sure_minus_confidence"] > 0 > found["ci_high"]["uncertainty_idle_minus_confidence"]
    )
    assert set(rows[rows["metric"] == "uncertainty_idle"]["seed"]) == {"0", "1", "all"}
    assert set(rows["resampled"]) == {"users"}


def test_differences_are_paired_and_seeds_are_averaged() -> None:
    rows = ranking_rows(per_user(**candidates()), IDENTITY)
    value = rows[rows["seed"] == "all"].set_index("metric")["value"]
    for name in ("sure", "idle"):
        apart = value[f"uncertainty_{name}"] - value["uncertainty_low_confidence"]
        assert value[f"uncertainty_{name}_minus_confidence"] == pytest.approx(apart)
    same = {**candidates(), "twin": candidates()["low_confidence"] * 3}
    rows = ranking_rows(per_user(**same), IDENTITY).set_index("metric")
    assert rows.loc["uncertainty_twin_minus_confidence", ["value", "ci_low", "ci_high"]].abs().max() < 1e-12


def test_bts_confidence_is_held_against_the_methods_errors() -> None:
    bt = per_user(low_confidence=candidates()["idle"])
    rows = ranking_rows(per_user(**candidates()), IDENTITY, bt, "default").set_index(["metric", "seed"])
    assert rows["value"]["uncertainty_bt", "all"] == pytest.approx(rows["value"]["uncertainty_idle", "all"])
    assert rows["value"]["uncertainty_idle_minus_bt", "all"] == pytest.approx(0)
    assert rows["setting"]["uncertainty_idle_minus_bt", "all"] == "against=default"
    assert ("uncertainty_bt_minus_confidence", "all") not in rows.index


def test_few_shot_rows_are_of_users_who_have_just_so_many_pairs() -> None:
    few = per_user(shots=9, **candidates())
    few.loc[few["user_id"] < "u0100", "known"] = 4
    rows = ranking_rows(few, IDENTITY)
    assert set(rows["n_users"]) == {200} and set(rows["shots"]) == {9}
    assert len(ranking_rows(few.assign(known=4), IDENTITY)) == 0


def test_thirds_are_of_equal_size_and_average_to_the_accuracy() -> None:
    rows = ranking_rows(per_user(**candidates()), IDENTITY).set_index("metric")
    thirds = rows.loc[[f"accuracy_{third}_sure" for third in ("low", "mid", "high")]]
    assert list(thirds["n_users"]) == [100, 100, 100] and (thirds["value"].diff().dropna() < 0).all()
    assert thirds["value"].mean() == pytest.approx(0.655)
    assert (thirds["ci_low"].iloc[0] > thirds["ci_high"].iloc[2]) and set(thirds["seed"]) == {"all"}


def test_rounding_orders_nobody() -> None:
    jitter = 0.3 + 1e-15 * np.random.default_rng(0).integers(0, 3, 300)
    assert len(ranking_rows(per_user(jitter=jitter), IDENTITY)) == 0


def test_no_doubts_no_rows() -> None:
    assert len(ranking_rows(per_user(), IDENTITY)) == 0
