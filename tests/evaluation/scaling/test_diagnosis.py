"""A diagnosis: what it must not depend on, and what its wider intervals see."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.scaling.diagnosis import Diagnosis, diagnose
from prefactor.evaluation.scaling.pool import read_pool

METRICS = ("gain", "correlation", "collapse_rate", "hacking_rate", "hacking_rate_corrected", "healthy_correlation")


def scored(
    users: int = 12, queries: int = 8, candidates: int = 8, shared: str = "queries", seed: int = 0
) -> pd.DataFrame:
    """Models of which one is good, one noise, and one the same for all candidates of some users."""
    generator = np.random.default_rng(0)
    u, q, c = (axis.ravel() for axis in np.indices((users, queries, candidates)))
    query = [f"q{number}" if shared else f"u{user}q{number}" for user, number in zip(u, q, strict=True)]
    candidate = [f"c{n}" if shared == "candidates" else f"{name}c{n}" for name, n in zip(query, c, strict=True)]
    gold, *noise = generator.standard_normal((5, len(u)))
    scores = {"good#0": gold + noise[0], "good#1": gold + noise[1], "noise": noise[2]}
    scores["some"] = np.where(u < users / 3, 0.0, gold + noise[3])
    return pd.DataFrame(
        {"user": [f"u{user}" for user in u], "query": query, "candidate": candidate, "gold": gold, **scores}
    )


def values(diagnosis: Diagnosis, model: str) -> pd.Series:
    rows = diagnosis.figures.query("model == @model and metric in @METRICS")
    return rows.set_index(["metric", "n"])[["value", "ci_low", "ci_high", "low_items", "high_items"]].stack()


@pytest.fixture(scope="module")
def whole() -> Diagnosis:
    return diagnose(read_pool(scored()), {"good": "noise"})


def test_neither_order_nor_company_changes_a_figure(whole: Diagnosis) -> None:
    alone = scored().drop(columns=["noise", "some"]).sample(frac=1, random_state=2)
    pd.testing.assert_series_equal(values(diagnose(read_pool(alone)), "good"), values(whole, "good"))


def test_scale_and_shifts_of_sets_change_nothing(whole: Diagnosis) -> None:
    table = scored()
    shift = table.groupby(["user", "query"]).ngroup()
    moved = table.assign(**{name: 3 * table[name] + shift for name in ("good#0", "good#1")})
    pd.testing.assert_series_equal(values(diagnose(read_pool(moved)), "good"), values(whole, "good"))


def test_steps_add_up_to_the_curve(whole: Diagnosis) -> None:
    rows = whole.figures.query("model == 'good'").set_index(["metric", "n"])["value"]
    gain, step = rows["gain"], rows["gain_step"]
    assert (step * [1, 2, 4]).cumsum().to_numpy() == pytest.approx(gain.to_numpy()[1:])


def test_users_of_constant_scores_are_collapsed_by_spread(whole: Diagnosis) -> None:
    rate = whole.figures.query("model == 'some' and metric == 'collapse_by_spread'")["value"].item()
    assert rate == pytest.approx(1 / 3)
    collapsed = whole.users.query("model == 'some'").set_index("user")["collapsed"]
    assert (collapsed[[f"u{number}" for number in range(4)]] == 1).all()


def test_a_difference_is_that_of_both_figures_and_paired(whole: Diagnosis) -> None:
    rows = whole.figures.query("metric == 'correlation' and model in ['good', 'noise']").set_index("model")["value"]
    found = whole.figures.query("metric == 'correlation_minus'").iloc[0]
    assert found["law"] == "noise" and found["value"] == pytest.approx(rows["good"] - rows["noise"])
    assert found["ci_low"] < found["value"] < found["ci_high"]


def test_seeds_are_averaged(whole: Diagnosis) -> None:
    table = scored()
    single = [diagnose(read_pool(table[["user", "query", "candidate", "gold", name]])) for name in ("good#0", "good#1")]
    gains = [one.figures.query("model == 'good' and metric == 'gain'")["value"].to_numpy() for one in single]
    both = whole.figures.query("model == 'good' and metric == 'gain'")["value"].to_numpy()
    assert both == pytest.approx(np.mean(gains, axis=0))


@pytest.mark.parametrize("shared", ["queries", "candidates"])
def test_what_users_share_widens_the_interval(shared: str) -> None:
    table = scored(users=40, queries=6 if shared == "queries" else 1, candidates=12, shared=shared)
    item = table[{"queries": "query", "candidates": "candidate"}[shared]]
    effect = dict(zip(sorted(item.unique()), np.random.default_rng(1).standard_normal(item.nunique()), strict=True))
    table["good#0"] = table["gold"] * np.exp(2 * item.map(effect)) + table["noise"]
    found = diagnose(read_pool(table.drop(columns=["good#1", "some"])))
    assert found.about["shared"] == shared
    row = found.figures.query("model == 'good' and metric == 'correlation'").iloc[0]
    assert row["high_items"] - row["low_items"] > 1.2 * (row["ci_high"] - row["ci_low"])
    assert row["n_items"] == item.nunique() and row["resampled"].endswith(shared)


def test_with_nothing_shared_there_is_one_interval() -> None:
    found = diagnose(read_pool(scored(shared="")))
    assert found.about["shared"] == "" and found.figures["low_items"].isna().all()


def test_halves_are_of_users_where_each_has_one_query() -> None:
    assert diagnose(read_pool(scored(users=30, queries=1, shared=""))).about["halves"] == "users"


def test_one_shared_query_is_halved_by_its_candidates() -> None:
    """A candidate that all users like more than its score says is in one half alone, so it is no part of a law."""
    table = scored(users=30, queries=1, candidates=16, shared="candidates")
    found = diagnose(read_pool(table))
    assert found.about["halves"] == "candidates" and found.about["sizes"] == [1, 2, 4, 8, 16]
    assert found.figures.query("metric == 'predicted_gain'")["n"].max() == 8
    some = table[(table["user"] != "u2") | (table["candidate"] < "q0c3")]  # who rated fewer does not end the curves
    assert diagnose(read_pool(some)).figures.query("metric == 'predicted_gain'")["n"].max() == 8


def test_a_few_small_sets_do_not_end_everybodys_curve() -> None:
    table = scored(users=12, queries=8, candidates=8)
    cut = table[~((table["user"] == "u0") & (table["query"] == "q0") & (table["candidate"] > "q0c2"))]
    found = diagnose(read_pool(cut))
    assert found.about["sizes"] == [1, 2, 4, 8] and found.about["left_out"].keys() == {"1 sets"}
    assert found.about["sets"] == 12 * 8 - 1
    alone = table[(table["user"] != "u1") | ((table["query"] == "q0") & (table["candidate"] <= "q0c2"))]
    assert diagnose(read_pool(alone)).about["users"] == 11, "who has no set left does not count"


def test_two_candidates_that_all_share_leave_nothing_without_one() -> None:
    found = diagnose(read_pool(scored(users=5, queries=1, candidates=2, shared="candidates")))
    assert found.about["shared"] == "" and np.isfinite(found.figures.query("metric == 'gain'")["value"]).all()


@pytest.mark.parametrize("scale", [1e-170, 1e-9, 1e150])
def test_the_unit_of_scores_changes_nothing(scale: float, whole: Diagnosis) -> None:
    table = scored()
    moved = table.assign(**{name: scale * table[name] for name in ("good#0", "good#1")})
    pd.testing.assert_series_equal(values(diagnose(read_pool(moved)), "good"), values(whole, "good"))


def test_sizes_stop_at_the_smallest_set_and_few_candidates_have_no_correction() -> None:
    found = diagnose(read_pool(scored(candidates=3)))
    assert found.about["sizes"] == [1, 2]
    assert not found.figures["metric"].str.endswith("_corrected").any()


def test_constant_gold_is_said_to_say_nothing() -> None:
    table = scored()
    table["gold"] = np.where(table["user"] == "u0", 1.0, table["gold"])
    found = diagnose(read_pool(table))
    assert np.isnan(found.users.query("user == 'u0' and model == 'good'")["correlation"].item())
    assert np.isfinite(found.figures.query("model == 'good' and metric == 'correlation'")["value"].item())


def test_it_is_read_as_it_was_written(whole: Diagnosis, tmp_path: Path) -> None:
    whole.write(tmp_path)
    read = Diagnosis.read(tmp_path)
    for name in ("figures", "users", "correlations"):
        pd.testing.assert_frame_equal(
            getattr(read, name), getattr(whole, name).reset_index(drop=True), check_dtype=False
        )
    assert read.about == whole.about
    with pytest.raises(InputError, match="holds no diagnosis"):
        Diagnosis.read(tmp_path / "nowhere")
