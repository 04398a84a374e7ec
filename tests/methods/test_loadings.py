"""Bases with loadings: users start at them, moments are pooled, a start is the mixture of seen users."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from prefactor.methods.loadings import LoadingParameters, Loadings, pooled
from prefactor.methods.logistic import Observed
from prefactor.methods.mixture import learn_mixture
from tests.methods.test_mixture import make_mixture, observe

FEATURES = 3


def make_loadings(**changes: object) -> Loadings:
    settings = LoadingParameters(**{"bases": 4, **changes})  # type: ignore[arg-type]
    return Loadings(settings, FEATURES, torch.Generator().manual_seed(0)).double()


def choices(users: int = 5, pairs: int = 6) -> Observed:
    return observe(make_mixture(users).mean, pairs)


def test_without_pairs_a_user_is_as_the_bases_are() -> None:
    loadings = make_loadings()
    mean, covariance = loadings.weights(loadings.prior(5))
    torch.testing.assert_close(mean, loadings.mean.expand(5, -1, -1))
    torch.testing.assert_close(covariance, loadings.covariance.expand(5, -1, -1))


def test_unrefined_bases_stay_where_they_are_whatever_the_pairs() -> None:
    loadings = make_loadings(refined=False)
    belief = loadings.absorbed(loadings.prior(5), choices())
    assert (belief.evidence < 0).all()
    mean, covariance = loadings.weights(belief)
    torch.testing.assert_close(mean, loadings.mean.expand(5, -1, -1))
    torch.testing.assert_close(covariance, loadings.covariance.expand(5, -1, -1))


def test_pooled_moments_are_those_of_the_mixture() -> None:
    generator = torch.Generator().manual_seed(5)
    weight = torch.tensor([[0.7, 0.3]], dtype=torch.float64)
    mean = torch.randn(1, 2, FEATURES, generator=generator, dtype=torch.float64)
    covariance = make_mixture().covariance
    centre, spread = pooled(weight, mean, covariance.unsqueeze(0))
    drawn = torch.distributions.MultivariateNormal(mean[0], covariance).sample((200_000,))  # (S,2,F)
    first = torch.rand(200_000, generator=generator) < 0.7
    points = torch.where(first.unsqueeze(-1), drawn[:, 0], drawn[:, 1])
    torch.testing.assert_close(centre[0], points.mean(0), atol=0.03, rtol=0.03)
    torch.testing.assert_close(spread[0], points.T.cov(), atol=0.1, rtol=0.05)


def test_a_start_is_the_mixture_and_what_is_beside_it_stays_open() -> None:
    loadings, observed = make_loadings(iterations=3), choices(users=60, pairs=10)
    loadings.rank.fill_(2)
    live = replace(observed, difference=observed.difference[:, :2])
    loadings.start(live, torch.Generator().manual_seed(0))
    mixture = learn_mixture(live, 4, 3, torch.Generator().manual_seed(0))
    torch.testing.assert_close(loadings.log_share, mixture.log_share)
    torch.testing.assert_close(loadings.mean, F.pad(mixture.mean, (0, FEATURES - 2)))
    torch.testing.assert_close(loadings.covariance[:2, :2], mixture.covariance)
    others = loadings.covariance[2:, 2:]
    assert torch.equal(others, torch.eye(FEATURES - 2, dtype=others.dtype))
    assert not loadings.covariance[:2, 2:].any() and not loadings.covariance[2:, :2].any()


@pytest.mark.parametrize("changes", [{"bases": 0}, {"iterations": 0}])
def test_what_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        make_loadings(**changes)
