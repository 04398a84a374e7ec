"""The mixture of Gaussians over user weights: evidence, expectation maximisation, centres."""

import math
from itertools import pairwise

import torch
from torch.nn import functional as F

from prefactor.methods.logistic import Observed
from prefactor.methods.mixture import Mixture, em_step, k_means, learn_mixture, posteriors

WIDTH = 3


def observe(weights: torch.Tensor, pairs: int, seed: int = 0) -> Observed:
    """``pairs`` choices of each user (U, D), drawn from the logistic model that the mixture assumes."""
    generator = torch.Generator().manual_seed(seed)
    users = len(weights)
    segment = torch.repeat_interleave(torch.arange(users), pairs)
    difference = torch.randn(len(segment), weights.shape[1], generator=generator, dtype=weights.dtype)
    margin = (difference * weights[segment]).sum(-1)
    liked = torch.rand(len(segment), generator=generator, dtype=weights.dtype) < torch.sigmoid(margin)
    sign = torch.where(liked, 1.0, -1.0).to(weights.dtype)
    return Observed(difference * sign.unsqueeze(-1), torch.zeros_like(margin), segment, users)


def make_mixture(components: int = 2, width: int = WIDTH) -> Mixture:
    generator = torch.Generator().manual_seed(3)
    root = torch.randn(width, width, generator=generator, dtype=torch.float64)
    covariance = root @ root.mT + 0.3 * torch.eye(width, dtype=torch.float64)
    mean = torch.randn(components, width, generator=generator, dtype=torch.float64)
    return Mixture(torch.full((components,), -math.log(components), dtype=torch.float64), mean, covariance)


def test_evidence_is_close_to_the_integral_over_weights() -> None:
    """One dimension, where the integral can be done on a grid."""
    mixture, observed = make_mixture(2, width=1), observe(torch.tensor([[0.5], [-1.0]], dtype=torch.float64), 6)
    found = posteriors(observed, mixture)[1]
    grid = torch.linspace(-20, 20, 40_001, dtype=torch.float64)
    for user in range(2):
        rows = observed.segment == user
        likelihood = F.logsigmoid(observed.difference[rows] * grid).sum(0)
        for component in range(2):
            spread = mixture.covariance.sqrt().squeeze()
            prior = torch.distributions.Normal(mixture.mean[component], spread).log_prob(grid)
            exact = torch.logsumexp(likelihood + prior, 0) + math.log(40 / 40_000) + mixture.log_share[component]
            torch.testing.assert_close(found[user, component], exact, atol=0.2, rtol=0)


def test_clusters_of_users_are_found() -> None:
    generator = torch.Generator().manual_seed(1)
    centre = torch.tensor([[4.0, 0, 0], [0, 4.0, 0], [0, 0, -4.0]], dtype=torch.float64)
    label = torch.randint(3, (240,), generator=generator)
    weights = centre[label] + 0.3 * torch.randn(240, WIDTH, generator=generator, dtype=torch.float64)
    observed = observe(weights, 40)
    mixture = learn_mixture(observed, 3, 15, torch.Generator().manual_seed(0))
    nearest = torch.cdist(centre, mixture.mean).amin(-1)
    assert (nearest < 1.0).all(), nearest
    share = posteriors(observed, mixture)[1].softmax(-1).argmax(-1)
    matched = torch.cdist(mixture.mean, centre).argmin(-1)[share]
    assert (matched == label).double().mean() > 0.95


def test_expectation_maximisation_raises_the_evidence() -> None:
    generator = torch.Generator().manual_seed(2)
    weights = torch.randn(150, WIDTH, generator=generator, dtype=torch.float64) + torch.tensor([2.0, 0.0, 0.0])
    observed, mixture = observe(weights, 15), make_mixture()
    values = []
    for _ in range(6):
        values.append(float(posteriors(observed, mixture)[1].logsumexp(-1).mean()))
        mixture = em_step(observed, mixture)
    assert values[-1] > values[0]
    assert all(later > earlier - 0.01 for earlier, later in pairwise(values)), values


def test_without_pairs_nothing_moves() -> None:
    mixture, nothing = make_mixture(), observe(torch.zeros(40, WIDTH, dtype=torch.float64), 0)
    found = em_step(nothing, mixture)
    torch.testing.assert_close(found.mean, mixture.mean)
    torch.testing.assert_close(found.covariance, mixture.covariance, atol=2e-4, rtol=0)  # but for the jitter
    torch.testing.assert_close(found.log_share, mixture.log_share)


def test_centres_are_the_means_of_their_points() -> None:
    points = torch.randn(200, WIDTH, generator=torch.Generator().manual_seed(4))
    centre, label = k_means(points, 5, torch.Generator().manual_seed(0))
    for number in range(5):
        torch.testing.assert_close(centre[number], points[label == number].mean(0), atol=1e-5, rtol=1e-4)
