"""A Gaussian over users' weights, learnt from many users' pairs by expectation maximisation (empirical Bayes).

The model: w_u ~ N(m, S), and a user's pairs follow a logistic regression on w_u (``methods.logistic``). E step: each
user's Laplace posterior under the current (m, S). M step: m and S are the mean of the posteriors' means, and the mean
of their spreads around it, posterior covariances included (Dempster, Laird and Rubin 1977; for this model, Bishop 2006,
chapter 9). The posterior's mode stands in for its mean, which draws m and S towards 0 where users have few pairs.

S is drawn to I / ridge as if ``prior_users`` further users had shown just that spread: the mode under an inverse
Wishart prior, which keeps S well-posed where users are few and dimensions many.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from prefactor.methods.logistic import Observed, fit_kernel, fit_weights

FEW_DIMENSIONS = 64  # up to here (U, D, D) matrices are cheaper than (U, n, n) ones
USERS_PER_CHUNK = 256  # bounds the (U, n, D) tensors of many dimensions


@dataclass(frozen=True)
class Population:
    """N(mean, covariance) over weights: (D,) and (D, D)."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def standard(cls, dimensions: int, ridge: float, like: Tensor) -> Self:
        """N(0, I / ridge), where expectation maximisation starts; of the type of ``like``, and where that is."""
        return cls(like.new_zeros(dimensions), like.new_ones(dimensions).diag() / ridge)


@dataclass(frozen=True)
class EMParameters:
    """How the population is learnt.

    mean_learnt     m is learnt; else it stays 0
    ridge           precision that S starts from, and is drawn to
    prior_users     how strongly it is drawn, in users
    iterations      of expectation maximisation
    """

    mean_learnt: bool = True
    ridge: float = 1.0
    prior_users: float = 10.0
    iterations: int = 30

    def __post_init__(self) -> None:
        if self.ridge <= 0 or self.prior_users < 0 or self.iterations < 1:
            raise ValueError(
                "ridge must be positive, prior_users at least 0 and iterations at least 1, "
                f"got {self.ridge}, {self.prior_users} and {self.iterations}"
            )


class LearntPopulation(nn.Module):
    """A model's N(m, S) over D weights: N(0, I / ridge) until it is learnt."""

    mean: Tensor

    def __init__(self, dimensions: int, parameters: EMParameters) -> None:
        super().__init__()
        self.parameters_of_em = parameters
        start = Population.standard(dimensions, parameters.ridge, torch.empty(0))
        if parameters.mean_learnt:
            self.mean = nn.Parameter(start.mean)
        else:
            self.register_buffer("mean", start.mean)
        self.covariance = nn.Parameter(start.covariance)

    @torch.no_grad()
    def learn(self, observed: Observed) -> None:
        """From all pairs of all seen users; where they have fewer than D features, of the first weights alone."""
        found = learn_population(observed, self.parameters_of_em)
        live = len(found.mean)
        self.mean[:live] = found.mean
        self.covariance[:live, :live] = found.covariance


def learn_population(observed: Observed, parameters: EMParameters) -> Population:
    """Expectation maximisation from N(0, I / ridge)."""
    population = Population.standard(observed.difference.shape[1], parameters.ridge, observed.difference)
    for _ in range(parameters.iterations):
        population = em_step(observed, population, parameters)
    return population


def em_step(observed: Observed, population: Population, parameters: EMParameters) -> Population:
    """One E step and one M step."""
    shift, spread = expected_moments(observed, population)
    if parameters.mean_learnt:
        spread = spread - torch.outer(shift, shift)
    else:
        shift = torch.zeros_like(shift)
    target = Population.standard(len(shift), parameters.ridge, shift).covariance
    weight = observed.users / (observed.users + parameters.prior_users)
    covariance = weight * spread + (1 - weight) * target
    return Population(population.mean + shift, (covariance + covariance.T) / 2)


def expected_moments(observed: Observed, population: Population) -> tuple[Tensor, Tensor]:
    """E[w - m] (D,) and E[(w - m)(w - m)'] (D, D) under the users' posteriors, averaged over users."""
    shift, spread = torch.zeros_like(population.mean), torch.zeros_like(population.covariance)
    for part in observed.parts(USERS_PER_CHUNK):
        away, covariances = _posterior_moments(part, population)  # (U,D), (D,D)
        shift += away.sum(0)
        spread += away.T @ away + covariances  # (D,U)@(U,D)
    return shift / observed.users, spread / observed.users


def _posterior_moments(observed: Observed, population: Population) -> tuple[Tensor, Tensor]:
    """Posterior means less m (U, D), and the sum of the posterior covariances (D, D)."""
    most = int(torch.bincount(observed.segment, minlength=1).max())  # pairs of a user: the other side of a kernel
    if len(population.mean) <= max(FEW_DIMENSIONS, most):
        start = population.mean.expand(observed.users, -1)
        dense = fit_weights(observed, start, torch.linalg.inv(population.covariance))
        return dense.mean - population.mean, dense.covariance.sum(0)
    kernel = fit_kernel(observed, population.mean, population.covariance)
    rows = kernel.reduction.flatten(0, 1)  # (U,n,D) -> (Un,D)
    return kernel.mean - population.mean, observed.users * population.covariance - rows.T @ rows
