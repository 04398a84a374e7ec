"""Bases with loadings: users start at them, moments are pooled, a start changes no reward."""

import pytest
import torch

from prefactor.methods.filtering import absorb
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
    torch.testing.assert_close(covariance, torch.diag_embed(1 / loadings.precision).expand(5, -1, -1, -1))


def test_unrefined_bases_stay_where_they_are_whatever_the_pairs() -> None:
    loadings = make_loadings(refined=False)
    belief = absorb(loadings.prior(5), choices())
    assert (belief.evidence < 0).all()
    mean, covariance = loadings.weights(belief)
    torch.testing.assert_close(mean, loadings.mean.expand(5, -1, -1))
    torch.testing.assert_close(covariance, torch.diag_embed(1 / loadings.precision).expand(5, -1, -1, -1))


def test_pooled_moments_are_those_of_the_mixture() -> None:
    generator = torch.Generator().manual_seed(5)
    weight = torch.tensor([[0.7, 0.3]], dtype=torch.float64)
    mean = torch.randn(1, 2, FEATURES, generator=generator, dtype=torch.float64)
    covariance = make_mixture().covariance.unsqueeze(0)
    centre, spread = pooled(weight, mean, covariance)
    drawn = torch.distributions.MultivariateNormal(mean[0], covariance[0]).sample((200_000,))  # (S,2,F)
    first = torch.rand(200_000, generator=generator) < 0.7
    points = torch.where(first.unsqueeze(-1), drawn[:, 0], drawn[:, 1])
    torch.testing.assert_close(centre[0], points.mean(0), atol=0.03, rtol=0.03)
    torch.testing.assert_close(spread[0], points.T.cov(), atol=0.1, rtol=0.05)


def test_a_start_expresses_the_mixture_in_its_own_units() -> None:
    """Rewards m_k . dphi stay when phi is multiplied by the map, and the pooled spread becomes the identity."""
    loadings, observed = make_loadings(iterations=3), choices(users=60, pairs=10)
    factor = loadings.start(observed, torch.Generator().manual_seed(0))
    mixture = learn_mixture(observed, 4, 3, 20.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        observed.difference @ factor @ loadings.mean.T, observed.difference @ mixture.mean.T
    )  # (N,F)@(F,F)@(F,K)
    share = loadings.log_share.exp()
    torch.testing.assert_close(
        (share.unsqueeze(-1) / loadings.precision).sum(0), torch.ones(FEATURES, dtype=torch.float64)
    )


@pytest.mark.parametrize("changes", [{"bases": 0}, {"prior_users": 0.0}, {"iterations": 0}])
def test_what_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        make_loadings(**changes)
