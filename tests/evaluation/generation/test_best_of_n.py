"""Best-of-N: what the oracle, blind choice and a useless reward must give, and what N = 1 and N = M are."""

import numpy as np
import pandas as pd
import pytest

from prefactor.evaluation.generation.best_of_n import best_of_n_cells, best_of_n_rows

IDENTITY = {"dataset": "stylebench", "protocol": "global", "backbone": "lm", "variant": "default", "run": "r"}
USERS, PROMPTS, CANDIDATES = 6, 5, 8


def candidates(seed: int = 0) -> pd.DataFrame:
    """``vrf`` sees utility through noise, ``bt`` nothing of it, ``flat`` has one reward for all."""
    generator = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"u{u}" for u in range(USERS)], [f"g{g}" for g in range(PROMPTS)], range(CANDIDATES)],
        names=["user_id", "group_id", "sample"],
    )
    utility = generator.normal(3, 2, len(index))
    vrf, bt = utility + generator.normal(0, 1, len(index)), generator.normal(size=len(index))
    columns = {"utility": utility, "reward_vrf": vrf, "reward_bt": bt, "reward_flat": 0.0}
    return pd.DataFrame(columns, index=index).reset_index()


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return best_of_n_rows(candidates(), IDENTITY, (1, 2, 4, 8, 16))


def curve(rows: pd.DataFrame, method: str, metric: str) -> list[float]:
    mine = rows[(rows["method"] == method) & (rows["metric"] == metric)]
    return [mine.set_index("setting").loc[f"n={size}", "value"] for size in (1, 2, 4, 8)]


def test_one_candidate_is_a_blind_choice_and_more_help_whoever_sees(rows: pd.DataFrame) -> None:
    for method in ("vrf", "bt", "flat", "oracle", "random"):
        assert curve(rows, method, "best_of_n_gain_raw")[0] == pytest.approx(0, abs=1e-12)
    for method in ("flat", "random"):
        assert curve(rows, method, "best_of_n_gain_raw") == pytest.approx([0] * 4, abs=1e-12)
    oracle, vrf = (np.array(curve(rows, name, "best_of_n_gain_raw")) for name in ("oracle", "vrf"))
    assert (np.diff(oracle) > 0).all() and (oracle[1:] > vrf[1:]).all() and (vrf[1:] > 0).all()
    assert "n=16" not in set(rows["setting"])  # nobody has so many


def test_all_candidates_drawn_are_the_best_of_the_set(rows: pd.DataFrame) -> None:
    best = candidates().groupby(["user_id", "group_id"])["utility"].max().groupby("user_id").mean().mean()
    assert curve(rows, "oracle", "best_of_n_utility")[-1] == pytest.approx(best)
    everyone = candidates().groupby(["user_id", "group_id"])["utility"]
    chosen = candidates().sort_values("reward_vrf").groupby(["user_id", "group_id"]).tail(1)
    beaten = everyone.rank().loc[chosen.index] - 0.5  # of itself half
    assert curve(rows, "vrf", "best_of_n_win_rate")[-1] == pytest.approx((beaten / CANDIDATES).mean())
    for method in ("vrf", "bt", "oracle"):
        assert curve(rows, method, "best_of_n_win_rate")[0] == pytest.approx(0.5)
    assert curve(rows, "random", "best_of_n_win_rate") == pytest.approx([0.5] * 4)


def test_differences_from_bt_are_paired(rows: pd.DataFrame) -> None:
    vrf, bt = (np.array(curve(rows, name, "best_of_n_gain_raw")) for name in ("vrf", "bt"))
    assert curve(rows, "vrf", "best_of_n_gain_raw_minus_bt") == pytest.approx(vrf - bt, abs=1e-12)
    assert not len(rows[rows["metric"].str.endswith("minus_bt") & (rows["method"] == "bt")])
    assert set(rows["resampled"]) == {"users; users and prompts"} and set(rows["n_items"]) == {PROMPTS}


def test_gain_is_in_the_users_own_unit_where_it_is_known() -> None:
    plain, scaled = (best_of_n_cells(found, (4,)) for found in (candidates(), candidates().assign(scale=2.0)))
    raw = plain.loc[plain["metric"] == "best_of_n_gain_raw", "value"].to_numpy()
    assert scaled.loc[scaled["metric"] == "best_of_n_gain", "value"].to_numpy() * 2 == pytest.approx(raw)
