"""The learnt population: a planted one is found again, the marginal likelihood rises, few users stay well-posed."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from prefactor.methods import population
from prefactor.methods.logistic import Observed
from prefactor.methods.population import EMParameters, Population, em_step, expected_moments, learn_population
from prefactor.segments import segment_sum

WIDTH = 3
PLANTED = Population(
    torch.tensor([1.0, -0.5, 0.0], dtype=torch.float64),
    torch.tensor([[1.0, 0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 0.1]], dtype=torch.float64),
)


def world(users: int, pairs: int, width: int = WIDTH, seed: int = 0) -> Observed:
    """Choices of users whose weights come from the planted population; further dimensions mean nothing to them."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(users, WIDTH, generator=generator, dtype=torch.float64)
    weight = PLANTED.mean + noise @ torch.linalg.cholesky(PLANTED.covariance).T
    segment = torch.arange(users).repeat_interleave(pairs)
    difference = torch.randn(len(segment), width, generator=generator, dtype=torch.float64)
    offset = torch.randn(len(segment), generator=generator, dtype=torch.float64)
    margin = offset + (difference[:, :WIDTH] * weight[segment]).sum(-1)
    sign = torch.where(torch.rand(len(segment), generator=generator) < torch.sigmoid(margin), 1.0, -1.0)
    order = torch.randperm(len(segment), generator=generator)
    return Observed((sign[:, None] * difference)[order], (sign * offset)[order], segment[order], users)


def evidence(observed: Observed, population: Population, samples: int = 1_000) -> float:
    """Log marginal likelihood per user in nats, by sampling weights from the population: the same noise every time."""
    noise = torch.randn(samples, WIDTH, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    weights = population.mean + noise @ torch.linalg.cholesky(population.covariance).T  # (S,D)
    nats = F.logsigmoid(observed.difference @ weights.T + observed.offset[:, None])  # (N,S)
    return float((segment_sum(nats, observed.segment, observed.users).logsumexp(-1)).mean())


def test_a_planted_population_is_found_again() -> None:
    """Modes stand in for means, which draws everything towards 0: less so, the more pairs each user has."""
    found = learn_population(world(300, 100), EMParameters(prior_users=0.0, iterations=12))
    torch.testing.assert_close(found.mean, PLANTED.mean, atol=0.15, rtol=0)
    torch.testing.assert_close(found.covariance, PLANTED.covariance, atol=0.2, rtol=0)
    few = learn_population(world(300, 10), EMParameters(prior_users=0.0, iterations=12))
    assert few.covariance.trace() < found.covariance.trace() < PLANTED.covariance.trace() * 1.1


def test_a_population_is_the_same_over_weights_and_over_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """(U, D, D) matrices where users have more pairs than dimensions, (U, n, n) ones where they have fewer."""
    monkeypatch.setattr(population, "FEW_DIMENSIONS", 0)
    observed, parameters, calls = world(40, 5, width=4), EMParameters(iterations=3), []
    for name in ("fit_weights", "fit_kernel"):
        fit = getattr(population, name)
        monkeypatch.setattr(population, name, lambda *given, name=name, fit=fit: calls.append(name) or fit(*given))
    by_weights = learn_population(observed, parameters)
    padded = replace(observed, difference=torch.nn.functional.pad(observed.difference, (0, 4)))
    by_pairs = learn_population(padded, parameters)
    assert set(calls[:3]) == {"fit_weights"} and set(calls[3:]) == {"fit_kernel"}
    torch.testing.assert_close(by_pairs.mean[:4], by_weights.mean)
    torch.testing.assert_close(by_pairs.covariance[:4, :4], by_weights.covariance)


def test_every_step_raises_the_marginal_likelihood() -> None:
    """As far as Laplace's approximation is exact, which with 30 pairs a user it nearly is."""
    observed, parameters = world(200, 30), EMParameters(prior_users=0.0)
    population = Population.standard(WIDTH, 1.0, torch.empty(0, dtype=torch.float64))
    rising = [evidence(observed, population)]
    for _ in range(8):
        population = em_step(observed, population, parameters)
        rising.append(evidence(observed, population))
    steps = torch.tensor(rising).diff()
    assert (steps > -1e-3).all() and rising[-1] > rising[0] + 0.2
    assert rising[-1] > evidence(observed, PLANTED) - 1e-2


def test_many_dimensions_give_the_moments_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both forms of the posterior, the kernel's in chunks of users, some of whom have no pairs."""
    observed = world(20, 6)
    kept = observed.segment % 5 != 3
    observed = Observed(observed.difference[kept], observed.offset[kept], observed.segment[kept], 20)
    few = expected_moments(observed, PLANTED)
    monkeypatch.setattr("prefactor.methods.population.FEW_DIMENSIONS", 0)
    monkeypatch.setattr("prefactor.methods.population.USERS_PER_CHUNK", 7)
    for one, other in zip(few, expected_moments(observed, PLANTED), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6)


def test_moments_are_those_of_one_user_at_a_time() -> None:
    observed = world(5, 6)
    alone = []
    for user in range(5):
        mine = observed.segment == user
        zeros = torch.zeros(int(mine.sum()), dtype=torch.long)
        alone.append(expected_moments(Observed(observed.difference[mine], observed.offset[mine], zeros, 1), PLANTED))
    together = expected_moments(observed, PLANTED)
    for number in range(2):
        torch.testing.assert_close(together[number], torch.stack([one[number] for one in alone]).mean(0))


def test_a_mean_that_is_not_learnt_stays_zero_and_its_spread_is_about_zero() -> None:
    observed = world(200, 80)
    fixed = learn_population(observed, EMParameters(mean_learnt=False, prior_users=0.0, iterations=12))
    assert (fixed.mean == 0).all()
    second_moment = PLANTED.covariance + torch.outer(PLANTED.mean, PLANTED.mean)
    torch.testing.assert_close(fixed.covariance, second_moment, atol=0.35, rtol=0)


def test_few_users_in_many_dimensions_stay_well_posed() -> None:
    found = learn_population(world(4, 5, width=100), EMParameters(ridge=2.0, prior_users=10.0, iterations=10))
    smallest = torch.linalg.eigvalsh(found.covariance).min()
    assert smallest >= 10 / 14 / 2 - 1e-9  # the target's share of every direction
    closer, target = EMParameters(ridge=2.0, prior_users=1e6), torch.eye(100, dtype=torch.float64) / 2
    torch.testing.assert_close(learn_population(world(4, 5, width=100), closer).covariance, target, atol=1e-4, rtol=0)


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(ValueError, match=r"prior_users at least 0 .* got 1.0, -1.0 and 30"):
        EMParameters(prior_users=-1.0)
