"""Columns of users: who is collapsed and why, and that users count equally."""

import numpy as np
import pytest

from prefactor.evaluation.scaling.columns import user_columns, view
from prefactor.evaluation.scaling.sums import CURVES, SINGLE, slices_of

SIZES = (1, 2)


def sums_of(sets: np.ndarray, **means: list[float]) -> np.ndarray:
    """(U, F) sums over so many sets of every user, gold differing in all, from means over them."""
    found, at = np.zeros((len(sets), len(SINGLE) + len(CURVES) * len(SIZES))), slices_of(SIZES)
    for name, values in ({"sets": np.ones(len(sets)), "known": np.ones(len(sets))} | means).items():
        found[:, at[name]] = (sets * values)[:, None]
    return found


def test_each_criterion_collapses_its_own() -> None:
    variance = [1.0, 1.0, 1e-6, 1e-6, 1.0]
    found = user_columns(sums_of(np.full(5, 4), variance=variance, rho=[0.5, 0.05, 0.5, 0.0, -0.5]), SIZES)
    assert found["by_spread"][:, 0].tolist() == [0, 0, 1, 1, 0]
    assert found["by_correlation"][:, 0].tolist() == [0, 1, 0, 1, 0]
    assert found["collapsed"][:, 0].tolist() == [0, 1, 1, 1, 0]
    assert found["kept"][:, 0].tolist() == [1, 0, 0, 0, 1]


def test_the_population_that_a_spread_is_held_against_is_of_users() -> None:
    """Of whom one has many sets, and would be all of it otherwise."""
    variance, rho = [1e-3, *[1.0] * 9], np.full(10, 0.5)
    found = user_columns(sums_of(np.array([1_000_000, *[1] * 9]), variance=variance, rho=rho), SIZES)
    assert not found["by_spread"].any()
    variance[0] = 0.9e-4 * np.mean([0.0, *[1.0] * 9])
    assert user_columns(sums_of(np.full(10, 4), variance=variance, rho=rho), SIZES)["by_spread"][:, 0].sum() == 1


def test_nothing_is_said_of_users_whose_gold_never_differs() -> None:
    sums = sums_of(np.full(2, 4), variance=[1.0, 0.0], rho=[0.5, 0.0], gain=[0.3, 0.0])
    sums[1, slices_of(SIZES)["known"]] = 0
    found = user_columns(sums, SIZES)
    assert found["seen"][:, 0].tolist() == [1, 0] and found["has"][:, 0].tolist() == [1, 1]
    assert not found["collapsed"].any() and not found["by_spread"].any() and found["kept"][:, 0].tolist() == [1, 0]


def test_users_count_equally_however_many_sets_they_have() -> None:
    means = {"variance": [1.0, 2.0, 1.0], "rho": [0.8, 0.2, 0.05], "hacked": [0.0, 0.4, 0.5], "gain": [1.0, 0.1, 0.0]}
    few, many = (user_columns(sums_of(sets, **means), SIZES) for sets in (np.full(3, 2), np.array([2, 2_000, 20])))
    for name in few:
        if not name.endswith(":queries"):
            assert many[name] == pytest.approx(few[name]), name
    assert few["rho"].sum() / few["seen"].sum() == pytest.approx(np.mean(means["rho"]))
    assert few["kept_hacked"].sum() / few["kept"].sum() == pytest.approx(0.2)  # of both who have not collapsed


def test_traits_are_those_of_the_collapsed_and_of_the_others() -> None:
    sums = sums_of(np.array([3, 5, 7]), variance=[1.0, 1.0, 1.0], rho=[0.5, 0.0, -0.5])
    found = user_columns(sums, SIZES, {"pairs": np.array([10.0, 20.0, 30.0])})
    assert found["collapsed:pairs"][:, 0].tolist() == [0, 20, 0] and found["others:pairs"][:, 0].tolist() == [10, 0, 30]
    assert found["collapsed:queries"][:, 0].tolist() == [0, 5, 0]


def test_all_is_both_halves() -> None:
    sums = np.random.default_rng(0).random((4, 2, 3))
    assert view(sums, "all") == pytest.approx(view(sums, "first") + view(sums, "second"))
    assert (view(sums, "second") == sums[:, 1]).all()
