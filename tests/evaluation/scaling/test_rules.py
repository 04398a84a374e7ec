"""Selection rules: where each is the same as another, and that what is known to help is found to help."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from prefactor.errors import InputError
from prefactor.evaluation.scaling.best import expected_best
from prefactor.evaluation.scaling.rules.abstention import abstains
from prefactor.evaluation.scaling.rules.gains import set_gains
from prefactor.evaluation.scaling.rules.rule import (
    ALL,
    ARGMAX,
    BLENDED,
    GLOBAL,
    OTHERS,
    RISK_AWARE,
    SEED_MEAN,
    SEED_RISK,
    THOMPSON,
    Rule,
    rules_for,
)
from prefactor.evaluation.scaling.rules.scored import Scored, ScoredPool, sorted_doubts

SIZES = (1, 2, 4, 8)


def table_of(users: int = 30, candidates: int = 8, seeds: int = 2, seed: int = 0) -> pd.DataFrame:
    """Sets of one query for all: a personal model with standard deviations, a global one, and a third."""
    stream = np.random.default_rng(seed)
    shape = (users, candidates)
    gold, std = stream.standard_normal(shape), stream.uniform(0.2, 2.0, shape)
    columns = {
        "user": np.repeat([f"u{number:03}" for number in range(users)], candidates),
        "query": "q",
        "candidate": np.tile([f"c{number}" for number in range(candidates)], users),
        "gold": gold.ravel(),
    }
    for number in range(seeds):
        columns[f"own#{number}"] = (gold + std * stream.standard_normal(shape)).ravel()
        columns[f"std:own#{number}"] = std.ravel()
        columns[f"all#{number}"] = (gold + stream.standard_normal(shape)).ravel()
    columns["third"] = (gold + stream.standard_normal(shape)).ravel()
    columns["user:own:few"] = np.repeat(stream.uniform(size=users), candidates)
    return pd.DataFrame(columns)


def scored_of(table: pd.DataFrame) -> Scored:
    (found,) = ScoredPool.read(table).of("own", "all")
    return found.held_against(sorted_doubts((found,)))


@pytest.fixture
def scored() -> Scored:
    return scored_of(table_of())


def gains(rule: Rule, parameter: float, scored: Scored) -> np.ndarray:
    return set_gains(rule, parameter, scored, SIZES)


def test_argmax_gains_what_the_best_of_n_gains(scored: Scored) -> None:
    gold = scored.gold - scored.gold.mean(1, keepdims=True)
    each = [expected_best(gold, mean, SIZES) for mean in scored.mean]
    np.testing.assert_allclose(gains(ARGMAX, np.nan, scored), np.mean(each, 0))


def test_every_rule_is_plain_argmax_at_its_neutral_parameter() -> None:
    scored = scored_of(table_of(seeds=1))
    seeds = replace(scored, mean=np.repeat(scored.mean, 2, 0), std=np.repeat(scored.std, 2, 0))
    for rule in rules_for([seeds]):
        if rule is not GLOBAL:
            np.testing.assert_allclose(
                gains(rule, rule.neutral, seeds), gains(ARGMAX, np.nan, seeds), err_msg=rule.name
            )


def test_the_table_allows_what_it_has_columns_for(scored: Scored) -> None:
    names = [rule.name for rule in rules_for([scored])]
    assert names[0] == ARGMAX.name and len(set(names)) == len(names)
    assert {f"global where doubted, by {doubt}" for doubt in ("noise", "std", "seeds", "few")} < set(names)
    bare = replace(scored, mean=scored.mean[:1], std=None, common=None, others=None, doubts={}, ranked={})
    assert rules_for([bare]) == [ARGMAX]
    assert rules_for([scored, bare]) == [ARGMAX]


def test_a_constant_in_a_sets_scores_changes_nothing(scored: Scored) -> None:
    table = table_of()
    for name in ("own#0", "own#1", "all#0", "all#1", "third"):
        table[name] += 7.0 * table["user"].str[1:].astype(float)
    moved = scored_of(table)
    for rule in rules_for([scored]):
        np.testing.assert_allclose(gains(rule, rule.grid[-1], moved), gains(rule, rule.grid[-1], scored), atol=1e-12)


def test_a_score_that_is_constant_but_for_rounding_is_constant_for_rules_too() -> None:
    table = table_of(seeds=1)
    for name in ("own#0", "all#0", "third"):
        table[name] = 0.1 + 1.4e-17 * (np.arange(len(table)) % 8)
    level = scored_of(table)
    assert not level.mean.any() and not level.common.any() and not level.others.any()
    assert np.isinf(level.doubts["noise"]).all()
    for rule in (ARGMAX, GLOBAL, OTHERS):
        np.testing.assert_allclose(gains(rule, rule.grid[-1], level), 0, atol=1e-12)


def test_the_global_reward_decides_everywhere_or_nowhere(scored: Scored) -> None:
    by_doubt = next(rule for rule in rules_for([scored]) if rule.doubt == "noise")
    common = gains(GLOBAL, np.nan, scored)
    np.testing.assert_allclose(gains(by_doubt, 1.0, scored), common)
    np.testing.assert_allclose(gains(BLENDED, 1e9, scored), common)
    np.testing.assert_allclose(gains(by_doubt, 0.0, scored), gains(ARGMAX, np.nan, scored))


def test_the_share_that_abstains_is_that_of_the_most_doubtful(scored: Scored) -> None:
    doubt = scored.doubts["few"][0]
    found = [abstains(scored, "few", share)[0] for share in (0.0, 0.2, 0.5, 1.0)]
    assert [one.mean() for one in found] == pytest.approx([0.0, 0.2, 0.5, 1.0])
    assert doubt[found[1]].min() > doubt[~found[1]].max()
    assert (found[2] >= found[1]).all()


def test_optimism_and_aversion_part_at_equal_means() -> None:
    scored = scored_of(table_of(users=3, candidates=2, seeds=1))
    level = replace(scored, mean=np.zeros((1, 3, 2)), std=np.tile([0.1, 2.0], (1, 3, 1)))
    averse, optimist = (next(RISK_AWARE.scores(level, c)) for c in (1.0, -1.0))
    assert (averse[:, 0] > averse[:, 1]).all() and (optimist[:, 0] < optimist[:, 1]).all()


def test_thompson_chooses_as_often_as_it_holds_possible() -> None:
    sets = 4000
    scored = scored_of(table_of(users=2, candidates=2, seeds=1))
    gold = np.tile([1.0, -1.0], (sets, 1))
    apart, std = np.tile([0.5, -0.5], (1, sets, 1)), np.tile([0.6, 0.8], (1, sets, 1))
    many = replace(scored, gold=gold, mean=apart, std=std)
    first = ndtr(1 / np.hypot(0.6, 0.8))  # P(N(1, .36 + .64) > 0)
    assert set_gains(THOMPSON, 1.0, many, (2,)).mean() == pytest.approx(2 * first - 1, abs=0.02)
    np.testing.assert_array_equal(set_gains(THOMPSON, 1.0, many, (2,)), set_gains(THOMPSON, 1.0, many, (2,)))


def test_the_mean_of_seeds_is_a_model_of_one_seed(scored: Scored) -> None:
    alone = replace(scored, mean=scored.mean.mean(0, keepdims=True))
    np.testing.assert_allclose(gains(SEED_MEAN, np.nan, scored), gains(ARGMAX, np.nan, alone))
    np.testing.assert_allclose(gains(SEED_RISK, 0.0, scored), gains(ARGMAX, np.nan, alone))


def test_other_models_are_weighed_by_their_order_alone(scored: Scored) -> None:
    table = table_of()
    table["third"] *= 100.0
    for rule in (OTHERS, ALL):
        np.testing.assert_allclose(gains(rule, 1.0, scored_of(table)), gains(rule, 1.0, scored))


def test_standard_deviations_go_with_their_own_seed() -> None:
    table = table_of()
    table["std:own#1"] += 1.0
    turned = table[[*reversed(table.columns)]]
    for one in (table, turned):
        found = scored_of(one)
        first = int(found.std[0].mean() > found.std[1].mean())
        np.testing.assert_allclose(found.std[1 - first], found.std[first] + 1)
        own = table["own#0"].to_numpy().reshape(found.gold.shape)
        np.testing.assert_allclose(found.mean[first], own - own.mean(1, keepdims=True))


def test_the_global_model_is_judged_without_itself() -> None:
    (found,) = ScoredPool.read(table_of()).of("all", "all")
    assert found.common is None and [rule.name for rule in rules_for([found])] == [
        rule.name for rule in (ARGMAX, SEED_MEAN, SEED_RISK, OTHERS, ALL)
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.assign(**{"std:own#0": -1.0}), "row 1, column std:own#0: a standard deviation below 0"),
        (lambda table: table.assign(**{"std:own#7": 1.0}), "there is no score 'own#7'"),
        (lambda table: table.drop(columns="std:own#1"), "not one for each seed of own"),
    ],
)
def test_wrong_standard_deviations_are_named(change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ScoredPool.read(change(table_of()))


def test_an_unknown_model_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no scores of 'owm'.*own"):
        ScoredPool.read(table_of()).of("owm")
