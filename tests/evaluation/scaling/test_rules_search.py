"""The search for rules: what helps in a world made for it is found, and nothing is learnt from those judged."""

import numpy as np
import pandas as pd
import pytest

from prefactor.evaluation.scaling.best import expected_best
from prefactor.evaluation.scaling.rules.gains import Judged, Sets
from prefactor.evaluation.scaling.rules.rule import ARGMAX, RISK_AWARE
from prefactor.evaluation.scaling.rules.scored import ScoredPool
from prefactor.evaluation.scaling.rules.search import COLUMNS, compare_rules
from prefactor.evaluation.scaling.rules.verdict import judged
from prefactor.evaluation.scaling.rules.widths import over_what_is_shared

RISK = RISK_AWARE.name


def world(
    seed: int, users: int = 150, candidates: int = 8, shrunk: bool = False, useless: float = 0.0, most: float = 3.0
) -> pd.DataFrame:
    """Utilities N(0, 1) read with noise of .2 to ``most``, or their posterior means; a share of scores is but noise.

    Everyone's reward ``all`` is read with noise of its own. Candidates are each user's own.
    """
    stream = np.random.default_rng(seed)
    shape = (users, candidates)
    gold, noise = stream.standard_normal(shape), stream.uniform(0.2, most, shape)
    lost = np.arange(users) < useless * users
    read = np.where(lost[:, None], 0.0, gold) + noise * stream.standard_normal(shape)
    kept = 1 / (1 + noise**2) if shrunk else np.ones(shape)
    std = np.sqrt(kept) * noise
    number = np.arange(users * candidates)
    columns = {
        "user": np.repeat([f"{seed}-{user}" for user in range(users)], candidates),
        "query": np.repeat([f"{seed}-{user}" for user in range(users)], candidates),
        "candidate": [f"{seed}-{one}" for one in number],
        "gold": gold.ravel(),
        "own": (kept * read).ravel(),
        "std:own": std.ravel(),
        "all": (gold + 1.5 * stream.standard_normal(shape)).ravel(),
        "user:own:lost": np.repeat(lost + stream.uniform(0, 0.5, users), candidates),
    }
    return pd.DataFrame(columns)


def compared(**options) -> pd.DataFrame:
    validation, unseen = (ScoredPool.read(world(seed, **options)) for seed in (1, 2))
    return compare_rules(validation, unseen, ["own"], "all")


def chosen(rules: pd.DataFrame, rule: str, n: int = 8, metric: str = "gain_minus_argmax") -> pd.Series:
    (row,) = rules[rules["chosen"] & (rules["rule"] == rule) & (rules["metric"] == metric) & (rules["n"] == n)].iloc
    return row


def test_aversion_to_risk_pays_where_means_are_not_shrunk() -> None:
    rules = compared()
    found = chosen(rules, RISK)
    assert found["parameter"] > 0 and found["ci_low"] > 0
    found = judged(rules, "own")
    assert RISK in set(found.loc[found["beats"], "rule"])


def test_no_rule_beats_posterior_means_by_their_own_variance() -> None:
    rules = compared(shrunk=True)
    assert abs(chosen(rules, RISK)["parameter"]) <= 0.25
    assert chosen(rules, RISK)["ci_low"] <= 0


def test_doubt_that_knows_the_lost_finds_their_share() -> None:
    rules = compared(useless=0.4, most=1.0, candidates=4)
    rule = "global where doubted, by lost"
    assert chosen(rules, rule, 4)["parameter"] == pytest.approx(0.4, abs=0.11)
    assert chosen(rules, rule, 4)["ci_low"] > 0
    share = rules[rules["chosen"] & (rules["rule"] == rule) & (rules["metric"] == "share")]
    assert share["value"].item() == pytest.approx(0.4, abs=0.15) and share["n"].isna().all()


def test_the_choice_reads_nothing_of_those_it_is_judged_on() -> None:
    validation, unseen = world(1, users=40), world(2, users=40)
    turned = unseen.assign(gold=-unseen["gold"])
    tables = [
        compare_rules(ScoredPool.read(validation), ScoredPool.read(one), ["own"], "all") for one in (unseen, turned)
    ]
    marks = [table.loc[table["chosen"], ["rule", "parameter", "n"]].reset_index(drop=True) for table in tables]
    pd.testing.assert_frame_equal(*marks)


def test_the_table_is_whole() -> None:
    rules = compared(users=20, candidates=4)
    assert tuple(rules.columns) == COLUMNS
    once = ["model", "rule", "parameter", "metric", "n"]
    assert not rules.duplicated(once).any()
    curves = rules[rules["metric"] != "share"]
    assert (curves.groupby(["rule", "parameter"], dropna=False).size() == 2 * 3).all()  # N = 1, 2, 4
    assert (rules.groupby("rule")["chosen"].any()).all()
    plain = rules[(rules["rule"] == ARGMAX.name) & (rules["metric"] == "gain_minus_argmax")]
    assert (plain[["value", "ci_low", "ci_high"]] == 0).all(axis=None)
    assert rules["low_items"].isna().all()  # users share nothing


def test_sets_of_several_sizes_are_judged_together() -> None:
    tables = [pd.concat([world(seed, 20, 4), world(seed + 10, 20, 6)]) for seed in (1, 2)]
    found = compare_rules(*map(ScoredPool.read, tables), ["own"], "all")
    assert set(found["n"].dropna()) == {1, 2, 4} and (found["n_users"] == 40).all()


def shared(table: pd.DataFrame) -> Judged:
    (scored,) = ScoredPool.read(table).of("own", "all")
    return Judged.of(RISK_AWARE, 0.5, [scored], (1, 2, 4))


def test_without_a_candidate_is_as_if_it_had_not_been_there() -> None:
    found = shared(world(3, users=12, candidates=6))
    (scored,) = found.scored
    for place in range(6):
        gold = np.delete(scored.gold, place, 1)
        score = np.delete(scored.mean[0] - 0.5 * scored.std[0], place, 1)
        expected = expected_best(gold - gold.mean(1, keepdims=True), score, (1, 2, 4))
        np.testing.assert_allclose(found.without_each[0][:, place], expected, atol=1e-12)


def test_all_candidates_drawn_become_all_that_are_left() -> None:
    table = world(3, users=5, candidates=4)
    (scored,) = ScoredPool.read(table).of("own")
    found = Judged.of(ARGMAX, np.nan, [scored], (4,)).without_each[0]
    np.testing.assert_allclose(found, Judged.of(ARGMAX, np.nan, [scored], (3,)).without_each[0])


def test_an_interval_over_candidates_leaves_each_of_them_out() -> None:
    table = world(4, users=40, candidates=6)
    found = shared(table.assign(candidate=np.tile([f"c{place}" for place in range(6)], 40), query="jokes"))
    sets, plain = Sets.of(found.scored), Judged.of(ARGMAX, np.nan, found.scored, found.sizes)
    intervals = over_what_is_shared(sets, found.beside(plain), lambda: found.beside_without(plain))
    gain = found.gain[:, 2]
    without = found.without_each[0][:, :, 2].mean(0)
    variance = gain.var(ddof=1) / 40 + 5 / 6 * np.square(without - without.mean()).sum()
    assert intervals[2].value == pytest.approx(gain.mean())
    assert intervals[2].high - intervals[2].low == pytest.approx(2 * 2.570582 * np.sqrt(variance), rel=1e-5)
