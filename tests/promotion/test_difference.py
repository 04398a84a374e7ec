"""Paired differences: against plain arithmetic, and as sure as they say."""

import numpy as np
import pytest
from scipy import stats

from prefactor.evaluation.calibration import Forecast
from prefactor.evaluation.items import Outcomes
from prefactor.promotion.difference import difference
from prefactor.promotion.score import Score

USERS, PAIRS = 80, 6


def made_up(right: np.ndarray, items: np.ndarray | None = None) -> Score:
    """A score of (U, P) booleans; ``items`` (U, P) says what each pair is about."""
    users, pairs = right.shape
    user = np.repeat(np.arange(users), pairs)
    single = None if items is None else Outcomes(right.ravel().astype(float), user, items.reshape(-1, 1), "prompts")
    forecast = Forecast({"attenuated": np.full(right.size, 0.7)}, right.ravel().astype(float), user, users)
    return Score({None: right.mean(1)}, {None: single}, forecast, np.zeros(users))


def draw(seed: int, share: float) -> np.ndarray:
    return np.random.default_rng(seed).random((USERS, PAIRS)) < share


def test_it_is_the_mean_of_users_differences_with_students_bounds():
    before, now = draw(0, 0.7), draw(1, 0.8)
    found = difference(made_up(before), made_up(now))
    own = now.mean(1) - before.mean(1)
    assert found.value == pytest.approx(own.mean()) and (found.users, found.pairs) == (USERS, USERS * PAIRS)
    expected = own.mean() + stats.t.ppf(0.99, USERS - 1) * stats.sem(own)
    assert found.at_most(0.01) == pytest.approx(expected)
    assert found.at_most(0.001) > found.at_most(0.01) > found.value
    assert found.interval.low < found.value < found.interval.high and found.resampled == "users"


def test_shared_prompts_widen_it():
    """A prompt that one model alone gets right lifts all users at once."""
    items = np.random.default_rng(2).integers(0, 10, (USERS, PAIRS))
    lifted = draw(3, 0.5) | (items < 2)
    alone = difference(made_up(draw(3, 0.5)), made_up(lifted))
    shared = difference(made_up(draw(3, 0.5), items), made_up(lifted, items))
    assert shared.resampled == "users and prompts" and shared.value == pytest.approx(alone.value)
    assert shared.interval.low < alone.interval.low and shared.at_most(0.01) > alone.at_most(0.01)


def test_some_users_alone():
    before, now = draw(4, 0.7), draw(5, 0.8)
    chosen = np.array([3, 7, 11, 30])
    found = difference(made_up(before), made_up(now), users=chosen)
    assert found.value == pytest.approx((now.mean(1) - before.mean(1))[chosen].mean())
    assert (found.users, found.pairs) == (4, 4 * PAIRS)


def test_a_model_that_changed_nothing_differs_by_nothing():
    items = np.random.default_rng(2).integers(0, 10, (USERS, PAIRS))
    same = made_up(draw(6, 0.7), items)
    found = difference(same, same)
    assert (found.value, found.interval.low, found.interval.high, found.at_most(0.01)) == (0, 0, 0, 0)


def test_one_user_tells_nothing():
    assert difference(made_up(draw(7, 0.7)), made_up(draw(8, 0.7)), users=np.array([2])) is None
