"""Spearman's correlation against ranking anew; what an uncertainty knows of users whose error is known."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.intervals import RESAMPLES, over_users
from prefactor.evaluation.items import Kind, Outcomes
from prefactor.evaluation.ranking import correlations, rank_correlation, ranking_rows, tie_breaks

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


def test_many_correlations_at_once_equal_ranking_each() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 6, (4, 40)).astype(float), generator.integers(0, 5, (7, 40)).astype(float)
    first[1, :10] = second[2, 5:12] = second[3, [0, 20]] = np.nan
    first[3] = 2
    second[6, 2:] = np.nan
    found = correlations(first, second)
    for row, column in np.ndindex(found.shape):
        known = ~np.isnan(first[row]) & ~np.isnan(second[column])
        undefined = row == 3 or column == 6
        expected = np.nan if undefined else spearman(first[row, known], second[column, known])
        assert found[row, column] == pytest.approx(expected, nan_ok=True)


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


USERS, ITEMS, PAIRS = 120, 20, 12
EFFECTS = {"prompts": 0.2, "items": 0.1}
ENDS = (("ci_low", "ci_high"), ("low_items", "high_items"))


def world(seed: int, kind: Kind = "prompts", effect: float = 0.0) -> tuple[pd.DataFrame, Outcomes]:
    """Users of two candidates, who are listed in no order; items differ in whom they are hard for by ``effect``.

    The correlation's expectation over users and items is that of a world without an effect.
    """
    generator = np.random.default_rng(seed)
    taste = generator.normal(size=USERS)
    choices = np.array([*combinations(range(ITEMS), 2)]) if kind == "items" else np.arange(ITEMS)[:, None]
    items = np.concatenate([choices[generator.permutation(len(choices))[:PAIRS]] for _ in range(USERS)])
    user = np.repeat(np.arange(USERS), PAIRS)
    slope = 0.08 + generator.normal(0, effect, ITEMS)[items].sum(1)
    wrong = generator.random(USERS * PAIRS) < np.clip(0.35 + slope * taste[user], 0, 1)
    outcomes = Outcomes(1.0 - wrong, user, items, kind)
    table = pd.DataFrame(
        {
            "user_id": generator.permutation([f"u{number:03}" for number in range(USERS)]),
            "seed": "0",
            "split": "unseen",
            "shots": pd.array([None] * USERS, dtype="Int64"),
            "accuracy": np.bincount(user, outcomes.value) / PAIRS,
            "pairs": PAIRS,
            "known": np.where(taste > 1, 4, 9),
            "uncertainty_taste": taste + generator.normal(size=USERS),
            "uncertainty_low_confidence": taste + 2 * generator.normal(size=USERS),
        }
    )
    return table, outcomes


def leave_one_out(table: pd.DataFrame, outcomes: Outcomes, name: str) -> np.ndarray:
    """(J,) a candidate's correlation without each item, from the single pairs, ties broken in the order of ids."""
    found, apart = [], pd.Series(tie_breaks(table["pairs"].to_numpy()), table["user_id"].argsort())
    for item in range(ITEMS):
        left = (outcomes.items != item).all(1)
        mean = pd.Series(outcomes.value[left]).groupby(outcomes.user[left]).mean().reindex(table.index) + apart
        found.append(table[f"uncertainty_{name}"][mean.notna()].corr(-mean[mean.notna()], method="spearman"))
    return np.array(found)


@pytest.mark.parametrize("kind", ["prompts", "items"])
def test_intervals_over_users_and_items_equal_leaving_each_item_out(kind: Kind) -> None:
    table, outcomes = world(0, kind, effect=0.05)
    rows = ranking_rows(table, IDENTITY, outcomes={("unseen", None): outcomes})
    found = rows[rows["seed"] == "all"].set_index("metric")
    error = -table["accuracy"].to_numpy()
    pseudo = {
        name: rank_correlation(table[f"uncertainty_{name}"].to_numpy(), error) for name in ("taste", "low_confidence")
    }
    without = {name: leave_one_out(table, outcomes, name) for name in pseudo}
    for metric, users, items in (
        ("uncertainty_taste", pseudo["taste"], without["taste"]),
        (
            "uncertainty_taste_minus_confidence",
            pseudo["taste"] - pseudo["low_confidence"],
            without["taste"] - without["low_confidence"],
        ),
    ):
        variance = users.var(ddof=1) / USERS + (ITEMS - 1) / ITEMS * np.square(items - items.mean()).sum()
        half = 2.0930 * np.sqrt(variance)  # Student's, 19 degrees
        expected = users.mean() - half, users.mean() + half
        assert tuple(found.loc[metric, ["low_items", "high_items"]]) == pytest.approx(expected, abs=2e-5)
        assert (
            found["low_items"][metric]
            < found["ci_low"][metric]
            < found["ci_high"][metric]
            < found["high_items"][metric]
        )
        assert found["resampled"][metric] == f"users; users and {kind}" and found["n_items"][metric] == ITEMS
    others = rows[(rows["seed"] != "all") | rows["metric"].str.startswith("accuracy")]
    assert len(others) and others["low_items"].isna().all() and set(others["resampled"]) == {"users"}


def test_few_shot_intervals_are_of_the_same_users() -> None:
    table, outcomes = world(1, effect=0.05)
    few = table.assign(shots=pd.array([9] * USERS, dtype="Int64"))
    mine = np.flatnonzero(table["known"] == 9)
    alone = ranking_rows(few.iloc[mine], IDENTITY, outcomes={("unseen", 9): outcomes.of_users(mine)})
    pd.testing.assert_frame_equal(ranking_rows(few, IDENTITY, outcomes={("unseen", 9): outcomes}), alone)
    assert alone["low_items"].notna().any() and set(alone["n_users"]) == {len(mine)}
    assert ranking_rows(few, IDENTITY, outcomes={("unseen", None): outcomes})["low_items"].isna().all()


def test_the_same_seed_twice_has_the_interval_of_one() -> None:
    table, outcomes = world(2, effect=0.05)
    once = ranking_rows(table, IDENTITY, outcomes={("unseen", None): outcomes})
    both = pd.concat([table, table.assign(seed="1")])
    twice = ranking_rows(both, IDENTITY, outcomes={("unseen", None): outcomes})
    pd.testing.assert_frame_equal(
        *(rows[rows["seed"] == "all"].reset_index(drop=True) for rows in (once, twice)), check_exact=False
    )


@pytest.mark.parametrize("kind", ["prompts", "items"])
def test_the_wider_interval_covers_where_the_one_over_users_does_not(kind: Kind) -> None:
    def rows(seed: int, effect: float) -> pd.Series:
        table, outcomes = world(seed, kind, effect)
        found = ranking_rows(
            table.drop(columns="uncertainty_low_confidence"), IDENTITY, None, "", {("unseen", None): outcomes}
        )
        return found[(found["seed"] == "all") & (found["metric"] == "uncertainty_taste")].iloc[0]

    found = pd.DataFrame([rows(seed, EFFECTS[kind]) for seed in range(60)])
    truth = found["value"].mean()
    covered = {name: ((found[name[0]] <= truth) & (truth <= found[name[1]])).mean() for name in ENDS}
    assert covered[ENDS[1]] >= 0.93 and covered[ENDS[0]] < 0.8, covered
    plain = pd.DataFrame([rows(seed, 0.0) for seed in range(10)])
    widths = [(plain[high] - plain[low]).mean() for low, high in ENDS]
    assert 1 < widths[1] / widths[0] < 1.9  # single pairs' noise, counted once more for each item of theirs


def test_a_seed_that_orders_nobody_has_no_part_in_the_interval() -> None:
    """A seed that is right about all: the other's errors change by half as much, and that is all there is to it."""
    table, outcomes = world(4, effect=0.05)
    both = pd.concat([table, table.assign(seed="1", accuracy=1.0)])
    half = replace(outcomes, value=(outcomes.value + 1) / 2)
    pair, single = (
        rows[(rows["metric"] == "uncertainty_taste") & (rows["seed"] == "all")].iloc[0]
        for rows in (
            ranking_rows(both, IDENTITY, outcomes={("unseen", None): half}),
            ranking_rows(table, IDENTITY, outcomes={("unseen", None): outcomes}),
        )
    )
    assert pair["value"] == pytest.approx(single["value"])
    assert pair["ci_high"] < pair["high_items"] < single["high_items"]


def test_ties_that_an_item_breaks_do_not_widen_it() -> None:
    """Of users who are hardly ever wrong, most share their error; leaving out an item parts them."""
    generator = np.random.default_rng(0)
    users, pairs = 600, 40
    user, taste = np.repeat(np.arange(users), pairs), generator.normal(size=users)
    items = np.concatenate([generator.permutation(200)[:pairs] for _ in range(users)])
    wrong = generator.random(len(user)) < np.clip(0.04 + 0.02 * taste[user], 0.005, 1)
    outcomes = Outcomes(1.0 - wrong, user, items[:, None], "prompts")
    table = per_user(users, taste=taste)
    right = np.tile(np.bincount(user, outcomes.value) / pairs, 2)
    rows = ranking_rows(table.assign(accuracy=right, pairs=pairs), IDENTITY, outcomes={("unseen", None): outcomes})
    found = rows[(rows["metric"] == "uncertainty_taste") & (rows["seed"] == "all")].iloc[0]
    assert 1 < (found["high_items"] - found["low_items"]) / (found["ci_high"] - found["ci_low"]) < 1.45


def test_breaking_ties_reorders_nobody() -> None:
    pairs = np.array([4, 4, 9, 0])
    assert (np.abs(tie_breaks(pairs)) <= 0.5 / np.array([4, 4, 9, 1])).all() and len(set(tie_breaks(pairs))) == 4
    np.testing.assert_array_equal(tie_breaks(pairs), tie_breaks(pairs))


def test_single_pairs_of_other_results_are_refused() -> None:
    table, outcomes = world(3)
    for other in (replace(outcomes, value=1 - outcomes.value), replace(outcomes, user=outcomes.user[::-1] // 2)):
        with pytest.raises(InputError, match="rerun stage evaluate"):
            ranking_rows(table, IDENTITY, outcomes={("unseen", None): other})
