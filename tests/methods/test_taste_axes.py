"""Directions along which tastes spread: together they are the population, and the first of them tell it best."""

from dataclasses import replace

import pytest
import torch

from prefactor.methods import taste_axes as module
from prefactor.methods.logistic import Observed
from prefactor.methods.population import learn_population
from prefactor.methods.principal_axes import principal_axes
from prefactor.methods.taste_axes import FilledParameters, Tastes, leading_tastes
from prefactor.preferences import PairBatch
from tests.methods.test_user_scores import own_texts
from tests.worlds import WIDTH, make_pairs

PARAMETERS = FilledParameters(ridge=10.0, prior_users=3.0, iterations=8)


def differences(pairs: PairBatch) -> torch.Tensor:
    states = pairs.responses.views["states"]
    return states[pairs.chosen] - states[pairs.rejected]  # (N,H)


def tastes(pairs: PairBatch, most: int, beside: torch.Tensor | None = None) -> Tastes:
    states = pairs.responses.views["states"]
    return leading_tastes(pairs, states, states[:0] if beside is None else beside, replace(PARAMETERS, outputs=most))


def found(pairs: PairBatch, most: int) -> torch.Tensor:
    return tastes(pairs, most).features


def test_all_of_them_are_the_population() -> None:
    """Weights of unit variance on all features vary over users as weights on states do, for every pair."""
    pairs = make_pairs(40, 12, seen=True)
    difference = differences(pairs)
    observed = Observed(difference, torch.zeros(len(pairs)), pairs.segment, pairs.n_users)
    population = learn_population(observed, PARAMETERS)
    expected = ((difference @ population.covariance) * difference).sum(-1)  # (N,H)@(H,H)
    features = difference @ found(pairs, WIDTH).T
    torch.testing.assert_close(features.square().sum(-1), expected, atol=1e-3, rtol=1e-3)
    common = tastes(pairs, 1).common
    torch.testing.assert_close(difference @ common, difference @ population.mean, atol=1e-3, rtol=1e-3)


def test_the_first_keep_more_of_the_spread_than_others_would() -> None:
    pairs = make_pairs(40, 12, seen=True)
    features, whole = found(pairs, 3), found(pairs, WIDTH)
    torch.testing.assert_close(features, whole[:3])
    kept = (differences(pairs) @ features.T).square().mean(0)
    assert (kept.diff() <= 0).all()  # the most first
    for seed in range(20):  # any other three features of unit weights that are rotated in
        turn = torch.linalg.qr(torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(seed))).Q
        others = (differences(pairs) @ (turn[:3] @ whole).T).square().mean(0)
        assert others.sum() < kept.sum()


def test_planted_tastes_come_first() -> None:
    pairs, direction = own_texts(2, users=300)
    frame = torch.linalg.qr(direction).Q  # (H,2)
    features = found(pairs, 2)
    features = features / features.norm(dim=-1, keepdim=True)
    assert (features @ frame).norm(dim=-1).min() > 0.8  # 0.35 by chance


def test_where_there_are_fewer_axes_the_rest_is_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = make_pairs(20, 8, seen=True)
    assert (found(pairs, WIDTH + 3)[WIDTH:] == 0).all()
    monkeypatch.setattr(module, "AXES", 2)
    features = found(pairs, 4)
    assert features[:2].abs().amax(-1).min() > 0
    assert (features[2:] == 0).all()
    states = pairs.responses.views["states"]
    axes = principal_axes(pairs, states)[1][:, -2:]
    for within in (tastes(pairs, 2).features, tastes(pairs, 2).common):
        torch.testing.assert_close(within @ axes @ axes.T, within, atol=1e-4, rtol=1e-4)


def test_what_is_beside_others_is_uncorrelated_with_them_and_is_what_they_leave() -> None:
    """Of every pair's margin its variance over users is that of what the others do not explain."""
    pairs = make_pairs(40, 12, seen=True)
    beside = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(4))
    features = tastes(pairs, WIDTH, beside).features
    others, own = differences(pairs) @ beside.T, differences(pairs) @ features.T  # (N,2), (N,H)
    torch.testing.assert_close(own.T @ others / len(pairs), torch.zeros(WIDTH, 2), atol=1e-3, rtol=0)
    assert features[: WIDTH - 2].abs().amax(-1).min() > 0 and not features[WIDTH - 2 :].any()
    whole = differences(pairs) @ found(pairs, WIDTH).T  # all tastes, each of unit variance over users
    left = whole - others @ torch.linalg.lstsq(others, whole).solution
    torch.testing.assert_close(own.square().sum(-1), left.square().sum(-1), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("others", [4, 12])
def test_nothing_is_beside_others_that_explain_all(others: int) -> None:
    """Five texts differ in four directions, of which random features leave nothing but rounding errors."""
    beside = torch.randn(others, WIDTH, generator=torch.Generator().manual_seed(4))
    assert not tastes(make_pairs(20, 8, seen=True, responses=5), WIDTH, beside).features.any()


def test_what_pairs_do_not_differ_by_is_no_feature() -> None:
    """Five texts differ in four directions."""
    features = found(make_pairs(20, 8, seen=True, responses=5), WIDTH)
    assert features[:4].abs().amax(-1).min() > 0
    assert (features[4:] == 0).all()
