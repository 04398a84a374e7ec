"""Gaussian algebra against numerical integration, torch.distributions and brute force."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Independent, Normal, kl_divergence

from prefactor.methods.gaussians import (
    Gaussians,
    divergence_from_mixture,
    divergence_from_standard,
    entropy,
    from_natural,
    log_mixture,
    wasserstein,
)


def draw(rows: int, width: int, seed: int) -> Gaussians:
    generator = torch.Generator().manual_seed(seed)
    mean = torch.randn(rows, width, generator=generator, dtype=torch.float64)
    return Gaussians(mean, torch.rand(rows, width, generator=generator, dtype=torch.float64) + 0.2)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000), factors=st.integers(1, 6))
def test_product_of_densities_has_summed_natural_parameters(seed: int, factors: int) -> None:
    parts = draw(factors, 1, seed)
    product = from_natural((parts.mean / parts.std**2).sum(0), (parts.std**-2).sum(0))
    grid = torch.linspace(-12, 12, 40_001, dtype=torch.float64)
    log_density = Normal(parts.mean, parts.std).log_prob(grid).sum(0)
    weight = (log_density - log_density.max()).exp()
    mean = (weight * grid).sum() / weight.sum()
    variance = (weight * (grid - mean) ** 2).sum() / weight.sum()
    torch.testing.assert_close(product.mean[0], mean, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(product.std[0] ** 2, variance, atol=1e-6, rtol=1e-5)


def test_wasserstein_is_the_distance_of_means_and_of_deviations() -> None:
    first, second = draw(5, 3, 0), draw(4, 3, 1)
    means = (first.mean[:, None] - second.mean).square().sum(-1)
    brute = means + (first.std[:, None] - second.std).square().sum(-1)
    torch.testing.assert_close(wasserstein(first, second), brute)
    torch.testing.assert_close(wasserstein(first, second, 0.5), brute / 2)


def test_wasserstein_of_a_gaussian_to_itself_is_zero() -> None:
    gaussians = draw(6, 8, 3)
    torch.testing.assert_close(wasserstein(gaussians, gaussians).diagonal(), torch.zeros(6, dtype=torch.float64))


def test_mixture_density_equals_torch() -> None:
    components, points = draw(4, 3, 0), torch.randn(7, 3, dtype=torch.float64)
    by_torch = torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(torch.ones(4, dtype=torch.float64)),
        Independent(Normal(components.mean, components.std), 1),
    )
    torch.testing.assert_close(log_mixture(points, components), by_torch.log_prob(points))


def test_entropy_and_divergence_equal_torch() -> None:
    gaussians = draw(5, 4, 2)
    normal = Independent(Normal(gaussians.mean, gaussians.std), 1)
    unit = Independent(Normal(torch.zeros_like(gaussians.mean), torch.ones_like(gaussians.std)), 1)
    torch.testing.assert_close(entropy(gaussians), normal.entropy())
    torch.testing.assert_close(divergence_from_standard(gaussians), kl_divergence(normal, unit))


def test_sampled_divergence_from_one_component_is_the_closed_form() -> None:
    users, component = draw(3, 4, 0), draw(1, 4, 1)
    exact = kl_divergence(
        Independent(Normal(users.mean, users.std), 1), Independent(Normal(component.mean, component.std), 1)
    )
    sampled = divergence_from_mixture(users, component, 40_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(sampled, exact, atol=0.05, rtol=0.02)
    assert (exact >= 0).all()


def test_the_sampled_divergence_from_several_components_is_that_of_the_densities() -> None:
    """In one dimension, by a sum over a fine grid."""
    users, components = draw(3, 1, 4), draw(5, 1, 5)
    grid = torch.linspace(-15, 15, 60_001, dtype=torch.float64)
    log_q = Normal(users.mean, users.std).log_prob(grid)  # (U,grid)
    log_p = Normal(components.mean, components.std).log_prob(grid).exp().mean(0).clamp(min=1e-300).log()
    exact = (log_q.exp() * (log_q - log_p)).sum(-1) * (grid[1] - grid[0])
    sampled = divergence_from_mixture(users, components, 40_000, torch.Generator().manual_seed(1))
    torch.testing.assert_close(sampled, exact, atol=0.03, rtol=0.02)
