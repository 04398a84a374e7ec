"""The best of N: equal to trying every subset, and to drawing many."""

from itertools import combinations

import numpy as np
import pytest

from prefactor.errors import InputError
from prefactor.evaluation.scaling.best import choice_shares, expected_best, sizes_of


def by_enumeration(reward: np.ndarray, drawn: int) -> np.ndarray:
    """(M,) every subset once, its best candidates sharing it."""
    share = np.zeros(len(reward))
    subsets = [np.array(subset) for subset in combinations(range(len(reward)), drawn)]
    for subset in subsets:
        best = subset[reward[subset] == reward[subset].max()]
        share[best] += 1 / len(best)
    return share / len(subsets)


@pytest.mark.parametrize("levels", [1, 2, 3, 100])
@pytest.mark.parametrize("size", [1, 2, 5, 7])
def test_shares_are_those_of_all_subsets(size: int, levels: int) -> None:
    reward = np.random.default_rng(size * levels).integers(0, levels, (4, size)).astype(float)
    for drawn in range(1, size + 1):
        found = choice_shares(reward, drawn)
        assert found == pytest.approx(np.stack([by_enumeration(row, drawn) for row in reward]), abs=1e-12)
        assert found.sum(1) == pytest.approx(np.ones(4))


def test_shares_are_those_of_many_draws() -> None:
    generator = np.random.default_rng(0)
    reward = generator.integers(0, 12, 32).astype(float)
    drawn, draws = 8, 40_000
    places = generator.random((draws, 32)).argsort(1)[:, :drawn]  # subsets without replacement
    noise = 1e-6 * generator.random((draws, drawn))  # deals ties out
    chosen = np.take_along_axis(places, (reward[places] + noise).argmax(1)[:, None], 1)[:, 0]
    frequency = np.bincount(chosen, minlength=32) / draws
    assert np.abs(frequency - choice_shares(reward[None], drawn)[0]).max() < 4 * np.sqrt(0.25 / draws)


def test_more_candidates_than_there_are_cannot_be_drawn() -> None:
    for drawn in (0, 4):
        with pytest.raises(InputError, match="of 3 candidates cannot be drawn"):
            choice_shares(np.zeros((1, 3)), drawn)


@pytest.mark.parametrize("levels", [2, 1000])
def test_what_is_chosen_is_worth_what_its_shares_are(levels: int) -> None:
    generator = np.random.default_rng(levels)
    score = generator.integers(0, levels, (6, 9)).astype(float)
    values = generator.standard_normal((6, 9))
    sizes = (1, 2, 5, 9)
    shares = np.stack([(choice_shares(score, size) * values).sum(1) for size in sizes], 1)
    assert expected_best(values, score, sizes) == pytest.approx(shares)
    assert shares[:, 0] == pytest.approx(values.mean(1))  # the best of one is any


def test_the_expectation_is_that_of_repeated_subsamples() -> None:
    generator = np.random.default_rng(1)
    gold, score = generator.standard_normal((2, 1, 32))
    score = score + gold
    for drawn in (2, 8, 16):
        places = generator.random((20_000, 32)).argsort(1)[:, :drawn]
        chosen = np.take_along_axis(places, score[0][places].argmax(1)[:, None], 1)[:, 0]
        sampled = gold[0][chosen]
        exact = expected_best(gold, score, [drawn])[0, 0]
        assert abs(sampled.mean() - exact) < 4 * sampled.std() / np.sqrt(len(sampled))


def test_more_candidates_never_hurt_who_knows_what_is_good() -> None:
    gold = np.random.default_rng(2).standard_normal((50, 32))
    curve = expected_best(gold, gold, sizes_of(32))
    assert (np.diff(curve, axis=1) >= 0).all() and curve[:, -1] == pytest.approx(gold.max(1))
    assert sizes_of(20) == (1, 2, 4, 8, 16)
