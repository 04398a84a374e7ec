"""The MAP weight and its Laplace posterior: both forms against each other, autograd and one user at a time."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prefactor.methods.logistic import Observed, fit_kernel, fit_weights, log_posterior

WIDTH = 5


def observe(users: int, seed: int, most: int = 7, scale: float = 1.0) -> Observed:
    """Users with 0 .. ``most`` pairs each."""
    generator = torch.Generator().manual_seed(seed)
    count = torch.randint(0, most + 1, (users,), generator=generator)
    segment = torch.repeat_interleave(torch.arange(users), count)
    difference = scale * torch.randn(len(segment), WIDTH, generator=generator, dtype=torch.float64)
    offset = torch.randn(len(segment), generator=generator, dtype=torch.float64)
    order = torch.randperm(len(segment), generator=generator)
    return Observed(difference[order], offset[order], segment[order], users)


def make_prior(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed + 1)
    root = torch.randn(WIDTH, WIDTH, generator=generator, dtype=torch.float64)
    return torch.randn(WIDTH, generator=generator, dtype=torch.float64), root @ root.T + 0.1 * torch.eye(
        WIDTH, dtype=torch.float64
    )


@settings(deadline=None, max_examples=12)
@given(st.integers(0, 10_000), st.sampled_from([0.3, 1.0, 10.0]))
def test_both_forms_agree_and_stand_at_the_mode(seed: int, scale: float) -> None:
    observed, (mean, covariance) = observe(6, seed, scale=scale), make_prior(seed)
    precision = torch.linalg.inv(covariance)
    weights = fit_weights(observed, mean.expand(6, -1), precision, steps=60)
    kernel = fit_kernel(observed, mean, covariance, steps=60)
    torch.testing.assert_close(weights.mean, kernel.mean, atol=1e-6, rtol=1e-6)
    implied = covariance - kernel.reduction.mT @ kernel.reduction
    torch.testing.assert_close(torch.linalg.inv(weights.precision), implied, atol=1e-6, rtol=1e-6)
    at = weights.mean.clone().requires_grad_()
    (slope,) = torch.autograd.grad(log_posterior(observed, at, mean.expand(6, -1), precision).sum(), at)
    assert slope.abs().max() < 1e-6


def test_many_pairs_in_several_blocks_and_chunks_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    observed, (mean, covariance) = observe(8, 11, most=45), make_prior(11)
    monkeypatch.setattr("prefactor.methods.logistic.BLOCKS_PER_CHUNK", 3)
    weights = fit_weights(observed, mean.expand(8, -1), torch.linalg.inv(covariance))
    torch.testing.assert_close(weights.mean, fit_kernel(observed, mean, covariance).mean, atol=1e-6, rtol=1e-6)


def test_precision_is_the_negative_hessian_of_the_log_posterior() -> None:
    observed, (mean, covariance) = observe(1, 3), make_prior(3)
    precision = torch.linalg.inv(covariance)
    found = fit_weights(observed, mean.expand(1, -1), precision)
    hessian = torch.autograd.functional.hessian(
        lambda at: log_posterior(observed, at.unsqueeze(0), mean.expand(1, -1), precision).sum(), found.mean[0]
    )
    torch.testing.assert_close(found.precision[0], -hessian)


def test_the_default_number_of_steps_has_converged() -> None:
    observed, (mean, covariance) = observe(50, 5, most=45, scale=3.0), make_prior(5)
    few, many = (fit_kernel(observed, mean, covariance, steps=steps).mean for steps in (12, 60))
    torch.testing.assert_close(few, many, atol=1e-6, rtol=1e-6)


def test_a_user_does_not_depend_on_the_others() -> None:
    observed, (mean, covariance) = observe(9, 7), make_prior(7)
    together = fit_kernel(observed, mean, covariance).mean
    for user in range(9):
        mine = observed.segment == user
        alone = Observed(
            observed.difference[mine], observed.offset[mine], torch.zeros(int(mine.sum()), dtype=torch.long), 1
        )
        torch.testing.assert_close(fit_kernel(alone, mean, covariance).mean[0], together[user])
        torch.testing.assert_close(
            fit_weights(alone, mean.expand(1, -1), torch.linalg.inv(covariance)).mean[0], together[user]
        )


def test_without_pairs_the_posterior_is_the_prior() -> None:
    mean, covariance = make_prior(1)
    empty = Observed(mean.new_zeros(0, WIDTH), mean.new_zeros(0), torch.zeros(0, dtype=torch.long), 2)
    found = fit_kernel(empty, mean, covariance)
    torch.testing.assert_close(found.mean, mean.expand(2, -1))
    assert found.reduction.abs().max() == 0
    torch.testing.assert_close(
        fit_weights(empty, mean.expand(2, -1), torch.linalg.inv(covariance)).mean, mean.expand(2, -1)
    )


@pytest.mark.parametrize("form", [fit_weights, fit_kernel])
def test_separable_pairs_stay_finite(form) -> None:
    difference = 100 * torch.ones(20, WIDTH, dtype=torch.float64)
    observed = Observed(difference, difference.new_zeros(20), torch.zeros(20, dtype=torch.long), 1)
    found = form(observed, torch.zeros(1, WIDTH, dtype=torch.float64), torch.eye(WIDTH, dtype=torch.float64), steps=200)
    assert found.mean.isfinite().all() and (found.mean > 0).all()
