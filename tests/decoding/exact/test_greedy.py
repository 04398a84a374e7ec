"""Greedy selection: best where objectives add up, the same for all pairs at once as one at a time, one call a step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.decoding.exact.exhaustive import best_subsets
from prefactor.decoding.exact.greedy import select_each, select_together
from prefactor.decoding.exact.objective import NONE, Objective
from prefactor.errors import InputError
from tests.decoding.exact.synthetic import formula, objective

TEXTS, ATTRIBUTES = 8, 5
ROUNDING = 1e-12
seeds = st.integers(0, 10_000)
pairs_of_texts = st.lists(
    st.tuples(st.integers(0, TEXTS - 1), st.integers(0, TEXTS - 1)).filter(lambda pair: pair[0] != pair[1]),
    min_size=1,
    max_size=8,
).map(np.array)
sizes = st.integers(1, ATTRIBUTES)


@settings(max_examples=40)
@given(pairs_of_texts, sizes, st.booleans(), seeds)
def test_where_effects_add_up_greedy_is_exhaustive(pairs: np.ndarray, k: int, positive: bool, seed: int) -> None:
    held = objective(formula(TEXTS, ATTRIBUTES, seed))
    found = select_each(held, pairs, k, positive)
    subsets, value = best_subsets(held, pairs, k, fewer=positive)
    np.testing.assert_array_equal(np.sort(found.subsets), np.sort(subsets))
    np.testing.assert_allclose(found.final(), value)


@settings(max_examples=40)
@given(pairs_of_texts, sizes, st.booleans(), seeds)
def test_all_pairs_at_once_are_each_pair_alone(pairs: np.ndarray, k: int, positive: bool, seed: int) -> None:
    held = objective(formula(TEXTS, ATTRIBUTES, seed, interaction=1.0))
    found = select_each(held, pairs, k, positive)
    for number in range(len(pairs)):
        alone = select_each(held, pairs[[number]], k, positive)
        for name in ("subsets", "objectives", "bare"):
            np.testing.assert_array_equal(getattr(found, name)[[number]], getattr(alone, name))


@settings(max_examples=40)
@given(pairs_of_texts, sizes, seeds)
def test_every_step_takes_the_best_attribute_that_is_left(pairs: np.ndarray, k: int, seed: int) -> None:
    """Against Algorithm 1 as it is written."""
    held = objective(formula(TEXTS, ATTRIBUTES, seed, interaction=1.0))
    found = select_each(held, pairs, k)
    for number, pair in enumerate(pairs):
        chosen: list[int] = []
        for step in range(k):
            left = [attribute for attribute in range(ATTRIBUTES) if attribute not in chosen]
            tried = np.array([[*chosen, attribute] for attribute in left])
            values = held(np.repeat(pair[None], len(left), 0), tried)
            chosen.append(left[int(values.argmax())])
            assert found.objectives[number, step] == values.max()
        assert found.subsets[number].tolist() == chosen


@settings(max_examples=40)
@given(pairs_of_texts, sizes, seeds)
def test_with_the_filter_every_attribute_gains_and_none_that_is_left_would(
    pairs: np.ndarray, k: int, seed: int
) -> None:
    held = objective(formula(TEXTS, ATTRIBUTES, seed, interaction=1.0))
    found = select_each(held, pairs, k, positive=True)
    steps = np.diff(np.column_stack([found.bare, found.objectives]), axis=1)
    assert (steps[found.subsets != NONE] > 0).all()
    np.testing.assert_array_equal(np.isnan(found.objectives), found.subsets == NONE)
    for number in np.flatnonzero((found.subsets == NONE).any(1)):
        size = int((found.subsets[number] != NONE).sum())
        left = [attribute for attribute in range(ATTRIBUTES) if attribute not in found.subsets[number]]
        tried = np.array([[*found.subsets[number, :size], attribute] for attribute in left])
        assert (held(np.repeat(pairs[[number]], len(left), 0), tried) <= found.final()[number]).all()


@pytest.mark.parametrize("k", [1, 3, ATTRIBUTES])
def test_a_step_is_one_call_about_all_pairs_and_all_attributes_left(k: int) -> None:
    model = formula(TEXTS, ATTRIBUTES, seed=0, interaction=1.0)
    pairs = np.array([[0, 1], [2, 3], [4, 5], [2, 3]])
    select_each(objective(model), pairs, k)
    distinct = 3  # a pair that users share is asked about once; the first step asks about no attributes too
    assert model.calls == [2 * distinct * (ATTRIBUTES - step + (step == 0)) for step in range(k)]


@settings(max_examples=40)
@given(pairs_of_texts, sizes, st.booleans(), seeds)
def test_one_subset_per_user_maximises_the_mean_of_their_pairs(
    pairs: np.ndarray, k: int, positive: bool, seed: int
) -> None:
    """All users at once as one user alone; where effects add up it is the best of all subsets for the mean."""
    model = formula(TEXTS, ATTRIBUTES, seed)
    held = objective(model)
    segment = np.random.default_rng(seed).integers(0, 3, len(pairs)) * 2  # users 1 and 3 have no pairs
    found = select_together(held, pairs, segment, 6, k, positive)
    for user in range(6):
        mine = pairs[segment == user]
        if not len(mine):
            assert (found.subsets[user] == NONE).all() and np.isnan(found.final()[user])
            continue
        alone = select_together(held, mine, np.zeros(len(mine), dtype=np.int64), 1, k, positive)
        np.testing.assert_array_equal(found.subsets[[user]], alone.subsets)
        effect = (model.effect[mine[:, 0]] - model.effect[mine[:, 1]]).mean(0)
        best = np.argsort(-effect)[:k]
        expected = best[effect[best] > ROUNDING] if positive else best
        chosen = found.subsets[user][: len(expected)]  # of equal effects any, as rounding has it
        np.testing.assert_allclose(effect[chosen], effect[expected], atol=ROUNDING)
        np.testing.assert_allclose(found.gain()[user], effect[expected].sum(), atol=1e-9)


@settings(max_examples=40)
@given(pairs_of_texts, seeds)
def test_users_in_another_order_choose_the_same(pairs: np.ndarray, seed: int) -> None:
    held = objective(formula(TEXTS, ATTRIBUTES, seed, interaction=1.0))
    generator = np.random.default_rng(seed)
    segment, other = generator.integers(0, 4, len(pairs)), generator.permutation(4)
    found = select_together(held, pairs, segment, 4, 2)
    np.testing.assert_array_equal(select_together(held, pairs, other[segment], 4, 2).subsets[other], found.subsets)


def test_equally_good_attributes_are_taken_by_number() -> None:
    held = Objective(lambda texts, subsets: np.zeros(len(texts)), 4)
    assert select_each(held, np.array([[0, 1]]), 3).subsets.tolist() == [[0, 1, 2]]
    assert select_each(held, np.array([[0, 1]]), 3, positive=True).subsets.tolist() == [[NONE] * 3]


def test_no_pairs_select_nothing() -> None:
    model = formula(2, 3, seed=0)
    assert select_each(objective(model), np.empty((0, 2), dtype=np.int64), 2).subsets.shape == (0, 2)
    assert not model.calls


@pytest.mark.parametrize("k", [0, ATTRIBUTES + 1])
def test_a_size_that_the_library_does_not_have_is_refused(k: int) -> None:
    held = objective(formula(TEXTS, ATTRIBUTES, seed=0))
    for select in (select_each, best_subsets):
        with pytest.raises(InputError, match=rf"k = {k} .* a library of {ATTRIBUTES}"):
            select(held, np.array([[0, 1]]), k)
