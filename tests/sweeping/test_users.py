"""The users behind a score: its interval over them, and the difference of two trials user by user."""

import numpy as np
import pytest

from prefactor.evaluation.accuracy import UserFigures
from prefactor.evaluation.intervals import over_users
from prefactor.search import mean_scores
from prefactor.sweeping.users import Users, mean_of, users_of

DICE = np.random.default_rng(0)
HARD = DICE.uniform(0.4, 0.9, 60)


def of(accuracies: np.ndarray, shots: int = 3) -> Users:
    return Users(tuple(accuracies[:20]), tuple(accuracies[20:]), shots, 400)


def figures(accuracy: list[float], pairs: list[int]) -> UserFigures:
    found, nothing = np.array(accuracy), np.zeros(len(accuracy))
    return UserFigures(found, nothing, np.array(pairs), nothing, nothing, nothing)


def test_the_interval_is_about_the_score() -> None:
    found = {"seen": figures([0.5, 1.0], [4, 4]), "1": figures([0.2, np.nan, 0.4], [4, 0, 4])}
    found |= {"3": figures([0.6, np.nan, 0.8], [4, 0, 4])}
    users = users_of(found)
    assert users == Users((0.5, 1.0), (0.4, 0.6), 2, 16) and users.number == 4
    assert users.interval.value == pytest.approx(mean_scores(found)["mean"])
    assert users.interval.low < users.interval.value < users.interval.high


def test_without_seen_users_held_out_ones_alone_are_resampled() -> None:
    users = users_of({"seen": figures([np.nan], [0]), "1": figures(list(HARD), [4] * 60)})
    expected = over_users(HARD)
    assert (users.interval.low, users.interval.high) == pytest.approx((expected.low, expected.high), abs=1e-5)


def test_a_difference_is_surer_than_the_scores_because_users_are_the_same() -> None:
    before, after = of(HARD), of(HARD + 0.05 + DICE.normal(0, 0.01, 60))
    gain = after.gain_over(before)
    assert gain is not None and 0.03 < gain.low < gain.value < gain.high < 0.07
    assert gain.value == pytest.approx(after.interval.value - before.interval.value)
    assert gain.high - gain.low < (after.interval.high - after.interval.low) / 4


def test_others_are_no_pairs() -> None:
    assert of(HARD).gain_over(of(HARD[:50])) is None
    assert of(HARD).gain_over(of(HARD, shots=2)) is None


def test_seeds_are_averaged_user_by_user() -> None:
    assert mean_of([Users((0.5,), (0.2, 0.4), 2, 9), Users((0.7,), (0.4, 0.8), 2, 9)]) == Users(
        (0.6,), (0.3, 0.6), 2, 9
    )
    assert mean_of([]) is None
