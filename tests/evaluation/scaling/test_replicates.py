"""Weighings of users: their rows line up, and their intervals are those of everything else."""

import numpy as np
import pytest

from prefactor.evaluation.intervals import RESAMPLES, over_users
from prefactor.evaluation.items import with_items_left_out
from prefactor.evaluation.scaling.replicates import Weighings

USERS, ITEMS = 30, 5
COLUMNS = np.random.default_rng(0).exponential(size=(USERS, 3))
WITHOUT = COLUMNS.mean(0) + 0.1 * np.random.default_rng(1).standard_normal((ITEMS, 3))


def test_fewer_resamples_are_the_first_of_all() -> None:
    every = Weighings(USERS, RESAMPLES, ITEMS)
    few, values = every.few(40), every.means(COLUMNS, WITHOUT)
    assert len(values) == 1 + RESAMPLES + ITEMS
    np.testing.assert_array_equal(every.thinned(values, few), few.means(COLUMNS, WITHOUT))
    np.testing.assert_array_equal(values[0], COLUMNS.mean(0))
    np.testing.assert_array_equal(every.thinned(values, few)[-ITEMS:], WITHOUT)


def test_intervals_of_a_mean_are_those_over_users() -> None:
    weighings = Weighings(USERS, RESAMPLES, 0)
    values = weighings.means(COLUMNS, np.empty((0, 3)))
    for place, column in enumerate(COLUMNS.T):
        own, wider = weighings.intervals(values[:, place])
        expected = over_users(column)
        assert (own.value, own.low, own.high) == pytest.approx((expected.value, expected.low, expected.high))
        assert np.isnan([wider.low, wider.high]).all()  # nothing is shared


def test_what_users_share_is_added_to_the_variance_over_users() -> None:
    weighings = Weighings(USERS, RESAMPLES, ITEMS)
    column = COLUMNS[:, 0]
    _, wider = weighings.intervals(weighings.means(COLUMNS, WITHOUT)[:, 0])
    known = with_items_left_out(column.mean(), column.var() / USERS, USERS, WITHOUT[:, 0])
    assert wider.high - wider.low == pytest.approx(known.high - known.low, rel=0.05)  # but for so many resamples


def test_a_figure_that_most_resamples_lack_has_no_interval() -> None:
    weighings = Weighings(USERS, 10, 0)
    own, _ = weighings.intervals(np.array([0.5, *[0.4] * 4, *[np.nan] * 6]))
    assert own.value == 0.5 and np.isnan([own.low, own.high]).all()
