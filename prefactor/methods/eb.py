"""EB: empirical Bayes. A Gaussian over users' weights, learnt from seen users; each user's posterior in closed form."""

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn

from prefactor.errors import InputError
from prefactor.methods.base import ClosedForm, RewardModel, Shape, UserState
from prefactor.methods.basis import Standardise
from prefactor.methods.free import FreeWeights, FreeWeightsParameters
from prefactor.methods.linear import LinearReward, dense_state, reduced_state
from prefactor.methods.logistic import fit_kernel, fit_weights
from prefactor.methods.population import EMParameters, Population, learn_population
from prefactor.preferences import PairBatch, Responses


@dataclass(frozen=True)
class EBParameters:
    """``space`` says what weights act on: the standardised ``states``, or phi of the first step, the ``basis``.

    In the basis the first step's common reward is an offset. ``first`` holds the first step's parameters.
    """

    space: Literal["states", "basis"] = "basis"
    population: EMParameters = field(default_factory=EMParameters)
    first: FreeWeightsParameters = field(default_factory=FreeWeightsParameters)


class EB(LinearReward, ClosedForm):
    """r_u = b(h) + w_u . f(h), w_u ~ N(m, S) with m and S learnt by expectation maximisation.

    Of the first step it uses two functions of responses: ``basis``, (T, K), and ``common``, (T,). Nothing else of the
    first step matters here, its own user weights included.
    """

    name = "eb"
    Parameters = EBParameters
    settings: EBParameters

    def __init__(self, settings: EBParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings, shape)
        self.in_basis = settings.space == "basis"
        dimensions = settings.first.basis.bases if self.in_basis else shape.width
        start = Population.standard(dimensions, settings.population.ridge, torch.float32)
        self.mean = nn.Parameter(start.mean, requires_grad=settings.population.mean_learnt)
        self.covariance = nn.Parameter(start.covariance)
        self.started = not self.in_basis
        if self.in_basis:
            self.first = FreeWeights(settings.first, shape, generator).requires_grad_(False)
        else:
            self.scaler = Standardise(shape.width)

    def first_step(self, generator: torch.Generator) -> FreeWeights | None:
        """Joint maximum likelihood of phi and a common reward; None in the space of states."""
        return FreeWeights(self.settings.first, self.shape, generator) if self.in_basis else None

    def start_from(self, basis: RewardModel) -> None:
        self.first.load_state_dict(basis.state_dict())
        self.started = True

    def standardise(self, responses: Responses) -> None:
        if not self.in_basis:
            self.scaler.fit(responses.views[self.view])

    def features(self, responses: Responses) -> Tensor:
        return self.first.basis(responses) if self.in_basis else self.scaler(responses.views[self.view])

    def common(self, responses: Responses) -> Tensor:
        return self.first.common(responses) if self.in_basis else super().common(responses)

    def fit(self, known: PairBatch, generator: torch.Generator) -> None:
        """Learn the population from all pairs of all seen users."""
        if not self.started:
            raise InputError("eb in the space `basis` needs a trained basis: give it a basis_training, not null")
        observed = self.observed(known)
        if self.in_basis:  # few dimensions: double precision costs nothing
            observed = replace(observed, difference=observed.difference.double(), offset=observed.offset.double())
        population = learn_population(observed, self.settings.population)
        with torch.no_grad():
            self.mean.copy_(population.mean)
            self.covariance.copy_(population.covariance)

    @torch.no_grad()
    def adapt(self, reference: PairBatch) -> UserState:
        """State: ``mean`` (U, D), and ``covariance`` (U, D, D) in a basis, ``reduction`` (U, n, D) on states."""
        observed = self.observed(reference)
        if not self.in_basis:
            return reduced_state(fit_kernel(observed, self.mean, self.covariance))
        prior_mean = self.mean.expand(observed.users, -1)  # (D,) -> (U,D)
        return dense_state(fit_weights(observed, prior_mean, torch.linalg.inv(self.covariance)))

    def prior_variance(self, direction: Tensor) -> Tensor:
        return ((direction @ self.covariance) * direction).sum(-1)  # (...,D)@(D,D)
