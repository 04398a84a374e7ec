"""Intervals over users and what they share: coverage in simulated worlds, sums against loops, files that come back."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.special import ndtri, stdtrit

from prefactor.errors import InputError
from prefactor.evaluation.intervals import over_users
from prefactor.evaluation.items import (
    BLOCKS,
    MANY_ITEMS,
    Kind,
    Outcomes,
    _blocks,
    _clustered,
    _sharing,
    differences,
    interval_columns,
    means_without_items,
    moved_by_items,
    outcomes_table,
    over_users_and_items,
    read_kind,
    read_outcomes,
    with_items_left_out,
)
from tests.worlds import make_cohort

USERS, PER_USER, WORLDS, TRUTH = 80, 12, 200, 0.7


def prompts_world(generator: np.random.Generator, effect: float = 0.2, prompts: int = 30) -> Outcomes:
    """Users who each meet some of the same prompts; ``effect`` is the prompts' standard deviation."""
    user = np.repeat(np.arange(USERS), PER_USER)
    item = np.concatenate([generator.permutation(prompts)[:PER_USER] for _ in range(USERS)])
    value = TRUTH + generator.normal(0, 0.05, USERS)[user] + generator.normal(0, effect, prompts)[item]
    return Outcomes(value + generator.normal(0, 0.4, len(user)), user, item[:, None], "prompts")


def jokes_world(generator: np.random.Generator, effect: float = 0.15, jokes: int = 20) -> Outcomes:
    """Users who each judge some of the pairs of the same jokes; ``effect`` is the jokes' standard deviation."""
    pairs = np.array([*combinations(range(jokes), 2)])
    user = np.repeat(np.arange(USERS), PER_USER)
    items = np.concatenate([pairs[generator.permutation(len(pairs))[:PER_USER]] for _ in range(USERS)])
    value = TRUTH + generator.normal(0, 0.05, USERS)[user] + generator.normal(0, effect, jokes)[items].sum(1)
    return Outcomes(value + generator.normal(0, 0.4, len(user)), user, items, "items")


def user_means(found: Outcomes) -> np.ndarray:
    return np.bincount(found.user, found.value) / np.bincount(found.user)


def holds(low: float, high: float) -> bool:
    return low <= TRUTH <= high


@pytest.mark.parametrize("world", [prompts_world, jokes_world])
def test_two_way_interval_covers_where_the_one_over_users_does_not(world: Callable[..., Outcomes]) -> None:
    generator = np.random.default_rng(0)
    drawn = [world(generator) for _ in range(WORLDS)]
    both = [over_users_and_items([found]) for found in drawn]
    users = [over_users(user_means(found)) for found in drawn]
    assert 0.91 <= np.mean([holds(interval.low, interval.high) for interval in both]) <= 0.985
    assert np.mean([holds(interval.low, interval.high) for interval in users]) < 0.75
    assert all(first.value == pytest.approx(second.value) for first, second in zip(both, users, strict=True))


def test_without_an_effect_of_items_it_hardly_widens() -> None:
    generator = np.random.default_rng(1)
    drawn = [prompts_world(generator, effect=0.0) for _ in range(WORLDS)]
    both = [over_users_and_items([found]) for found in drawn]
    users = [over_users(user_means(found)) for found in drawn]
    assert 0.92 <= np.mean([holds(interval.low, interval.high) for interval in both]) <= 0.995
    wider = [(a.high - a.low) / (b.high - b.low) for a, b in zip(both, users, strict=True)]
    assert 1.0 < np.mean(wider) < 1.25


def test_where_no_two_users_share_an_item_it_is_the_interval_over_users() -> None:
    found = prompts_world(np.random.default_rng(2))
    apart = replace(found, items=np.arange(len(found.value))[:, None])
    means = user_means(found)
    interval = over_users_and_items([apart])
    error = means.std(ddof=1) / np.sqrt(USERS)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.990 * error, rel=1e-3)  # Student's, 79 degrees


def test_items_that_both_groups_meet_widen_their_mean() -> None:
    generator = np.random.default_rng(3)
    seen, unseen = (prompts_world(generator, effect=0.0) for _ in range(2))
    lifted = [replace(found, value=found.value + 0.2 * (found.items[:, 0] % 2)) for found in (seen, unseen)]
    apart = [lifted[0], replace(lifted[1], items=lifted[1].items + 100)]
    together, alone = over_users_and_items(lifted), over_users_and_items(apart)
    assert together.value == pytest.approx(np.mean([user_means(found).mean() for found in lifted]))
    assert together.high - together.low > 1.2 * (alone.high - alone.low)


@pytest.mark.parametrize("memberships", [1, 2])
@pytest.mark.parametrize("within_users", [False, True])
def test_sums_equal_a_loop_over_pairs_of_rows(memberships: int, within_users: bool) -> None:
    generator = np.random.default_rng(4)
    items = np.stack([generator.permutation(6)[:memberships] for _ in range(40)])
    items.sort(axis=1)
    residual, user = generator.normal(size=(40, 2)), generator.integers(0, 5, 40)
    expected = sum(
        np.outer(residual[i], residual[j])
        for i in range(40)
        for j in range(40)
        if set(items[i]) & set(items[j]) and (not within_users or user[i] == user[j])
    )
    values = csr_array(residual)
    np.testing.assert_allclose(_sharing(values, items, *([user] if within_users else [])), expected)
    by_user = sum(np.outer(residual[i], residual[j]) for i in range(40) for j in range(40) if user[i] == user[j])
    np.testing.assert_allclose(_clustered(values, user), by_user)


@pytest.mark.parametrize("memberships", [1, 2])
def test_many_means_move_as_a_loop_over_pairs_of_rows_says(memberships: int) -> None:
    """Draws of one direction each give back the covariance: of two means in two groups that share items' effects."""
    generator = np.random.default_rng(5)
    effect = generator.normal(size=(7, 2))
    groups, columns, rows = [], [], []
    for place in range(2):
        user = np.repeat(np.arange(6), [1, 2, 3, 4, 5, 6])
        items = np.sort([generator.permutation(7)[:memberships] for _ in user], axis=1)
        value = effect[items].sum(1) + generator.normal(size=(len(user), 2))
        weight = 1 / np.bincount(user)[user] / 6
        own = np.zeros((len(user), 2, 2))  # a row's residual in each group's two means
        own[:, place] = weight[:, None] * (value - weight @ value)
        groups.append(Outcomes(value[:, 0], user, items, "prompts"))
        columns.append(csr_array(value))
        rows += [
            ((place, one), set(own_items), part.ravel()) for one, own_items, part in zip(user, items, own, strict=True)
        ]
    expected = sum(
        np.outer(first, second)
        for user, items, first in rows
        for other, others, second in rows
        if items & others and user != other
    )
    variance, direction = np.linalg.eigh(expected * (7 / 6 if memberships == 1 else 42 / 20))
    width = stdtrit(6, 0.975) / ndtri(0.975)  # 7 items, 12 users
    moved = moved_by_items(groups, columns, np.eye(4)).reshape(4, 4)
    assert variance.min() < 0 < variance.max()
    np.testing.assert_allclose(moved.T @ moved, width**2 * (direction * variance.clip(0)) @ direction.T, atol=1e-12)
    few = [replace(group, items=group.items % 2) for group in groups]
    assert np.isnan(moved_by_items(few, columns, np.eye(4))).all()


def test_too_few_users_or_items_have_no_interval() -> None:
    found = prompts_world(np.random.default_rng(5))
    for few in (replace(found, items=found.items % 2), replace(found, user=found.user * 0)):
        interval = over_users_and_items([few])
        assert np.isfinite(interval.value) and np.isnan(interval.low) and np.isnan(interval.high)
    nobody = Outcomes(np.empty(0), np.empty(0, np.int64), np.empty((0, 1), np.int64), "prompts")
    assert np.isnan(over_users_and_items([nobody]).value)


def test_columns_name_what_was_resampled() -> None:
    found = jokes_world(np.random.default_rng(6))
    columns = interval_columns([found])
    assert (columns["resampled"], columns["n_items"]) == ("users; users and items", 20)
    assert interval_columns([found, None]) == interval_columns([]) == {"resampled": "users"}


@pytest.mark.parametrize("world", [prompts_world, jokes_world])
def test_files_come_back(world: Callable[..., Outcomes], tmp_path: Path) -> None:
    found = {("seen", None): world(np.random.default_rng(7)), ("unseen", 3): world(np.random.default_rng(8))}
    outcomes_table(found).to_parquet(tmp_path / "outcomes.parquet", index=False)
    back = read_outcomes(tmp_path / "outcomes.parquet")
    assert list(back) == list(found)
    for condition, outcomes in found.items():
        assert np.array_equal(back[condition].items, outcomes.items) and back[condition].kind == outcomes.kind
        np.testing.assert_allclose(back[condition].value, outcomes.value, atol=1e-6)
    with pytest.raises(InputError, match="rerun stage evaluate"):
        read_outcomes(tmp_path / "none.parquet")


def test_differences_are_of_the_same_pairs() -> None:
    found = prompts_world(np.random.default_rng(9))
    lower = replace(found, value=found.value - 0.1)
    difference = differences({("seen", None): found, ("unseen", 1): found}, {("seen", None): lower})
    assert list(difference) == [("seen", None)]
    interval = over_users_and_items([*difference.values()])
    assert (interval.low, interval.high) == pytest.approx((0.1, 0.1))
    with pytest.raises(InputError, match="different pairs"):
        found.minus(replace(found, items=found.items[::-1]))


@pytest.mark.parametrize("world", [prompts_world, jokes_world])
def test_means_without_an_item_equal_a_loop(world: Callable[..., Outcomes]) -> None:
    found = world(np.random.default_rng(10))
    only = np.concatenate([found.items[:1], found.items])  # the last user's one pair
    found = Outcomes(np.append(0.5, found.value), np.append(USERS, found.user), only, found.kind)
    without = means_without_items(found, USERS + 1)
    for row, item in zip(without, np.unique(found.items), strict=True):
        left = (found.items != item).all(1)
        for user in (0, 1, USERS - 1):
            assert row[user] == pytest.approx(found.value[left & (found.user == user)].mean())
        assert np.isnan(row[USERS]) == (item in only[0])


@pytest.mark.parametrize("memberships", [1, 2])
def test_many_items_are_left_out_in_blocks_and_a_pair_with_its_block_once(memberships: int) -> None:
    generator = np.random.default_rng(11)
    items = np.sort(np.stack([generator.permutation(MANY_ITEMS + 1)[:memberships] for _ in range(6000)]), 1)
    found = Outcomes(generator.normal(size=6000), np.arange(6000) % 4, items, "items")
    without, (block, count) = means_without_items(found, 4), _blocks(items)
    assert without.shape == (BLOCKS, 4) and count == BLOCKS
    assert (block[:, 0] == block[:, -1]).any()  # both items of some pair in one block
    sizes = [len(np.unique(items[block == number])) for number in range(BLOCKS)]
    assert set(sizes) == {3, 4} and sum(sizes) == MANY_ITEMS + 1  # each item in one block
    for number, row in enumerate(without):
        left = (block != number).all(1)
        expected = [found.value[left & (found.user == user)].mean() for user in range(4)]
        np.testing.assert_allclose(row, expected)
    few = items % MANY_ITEMS
    assert len(means_without_items(replace(found, items=few), 4)) == MANY_ITEMS


def test_leaving_out_items_one_by_one_gives_a_means_own_interval() -> None:
    """Of a mean of 20 items, the jackknife's variance is that of the mean."""
    values = np.random.default_rng(12).normal(size=20)
    without = (values.sum() - values) / 19
    interval = with_items_left_out(values.mean(), 0.0, 500, without)
    half = 2.0930 * values.std(ddof=1) / np.sqrt(20)  # Student's, 19 degrees
    assert (interval.low, interval.high) == pytest.approx((values.mean() - half, values.mean() + half), rel=1e-4)
    both = with_items_left_out(values.mean(), values.var(ddof=1) / 20, 500, without)  # users' variance as large
    assert both.high - both.low == pytest.approx(np.sqrt(2) * (interval.high - interval.low))
    fewer = with_items_left_out(values.mean(), 0.0, 5, without)
    assert fewer.high - fewer.low == pytest.approx(2.7764 / 2.0930 * (interval.high - interval.low), rel=1e-4)
    for unknown in (
        with_items_left_out(0.0, 1.0, 500, np.array([0.1, np.nan])),
        with_items_left_out(0.0, 1.0, 1, without),
    ):
        assert unknown.value == 0 and np.isnan([unknown.low, unknown.high]).all()


def test_some_users_alone_are_numbered_anew() -> None:
    found = prompts_world(np.random.default_rng(13))
    some = found.of_users(np.array([7, 3]))
    assert set(some.user) == {0, 1} and len(some.value) == 2 * PER_USER
    for new, old in enumerate((7, 3)):
        assert np.array_equal(some.value[some.user == new], found.value[found.user == old])
        assert np.array_equal(some.items[some.user == new], found.items[found.user == old])


@pytest.mark.parametrize(("kind", "memberships"), [("prompts", 1), ("items", 2)])
def test_outcomes_of_a_cohort_are_its_evaluation_pairs(kind: Kind, memberships: int) -> None:
    cohort = make_cohort("unseen", 5, seed=0)
    assert Outcomes.of(cohort, [], kind) is None  # nobody numbered its groups
    numbered = replace(cohort, group=torch.arange(len(cohort.pairs)) % 7)
    pairs = cohort.to_predict("evaluation")
    right = [torch.ones(len(pairs), dtype=torch.bool), torch.arange(len(pairs)) % 2 == 0]
    found = Outcomes.of(numbered, right, kind)
    assert found is not None and found.items.shape == (30, memberships)
    assert set(found.value) == {0.5, 1.0} and np.array_equal(found.user, np.repeat(np.arange(5), 6))
    swapped = replace(pairs, chosen=pairs.rejected, rejected=pairs.chosen)
    turned = replace(numbered, pairs=replace(cohort.pairs, chosen=cohort.pairs.rejected, rejected=cohort.pairs.chosen))
    again = Outcomes.of(turned, right, kind)
    assert again is not None and np.array_equal(again.items, found.items) and len(swapped) == 30


def test_what_users_share_is_said_by_the_source(tmp_path: Path) -> None:
    for source, kind in (({"items": ["a", "b"]}, "items"), ({"name": "files"}, "prompts")):
        (tmp_path / "source.json").write_text(json.dumps(source))
        assert read_kind(tmp_path) == kind
