"""EB: empirical Bayes. A Gaussian over users' weights, learnt from seen users; each user's posterior in closed form."""

from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn

from prefactor.errors import InputError
from prefactor.methods.base import ClosedForm, RewardModel, Shape, UserState
from prefactor.methods.basis import BasisParameters
from prefactor.methods.linear import LinearReward, dense_state, reduced_state
from prefactor.methods.logistic import fit_kernel, fit_weights
from prefactor.methods.population import EMParameters, Population, learn_population
from prefactor.methods.pref import PReF, PReFParameters
from prefactor.methods.standardised import StandardisedReward
from prefactor.preferences import PairBatch, Responses


@dataclass(frozen=True)
class EBParameters:
    """``space`` says what weights act on: the standardised ``states``, or phi of the first step, the ``basis``.

    ``first`` holds the parameters of that first step, PReF; its common reward, where it has one, is an offset here.
    """

    space: Literal["states", "basis"] = "basis"
    population: EMParameters = field(default_factory=EMParameters)
    first: PReFParameters = field(default_factory=lambda: PReFParameters(BasisParameters(bases=12), common=True))


class EB(StandardisedReward, LinearReward, ClosedForm):
    """r_u = b(h) + w_u . f(h), w_u ~ N(m, S) with m and S learnt by expectation maximisation.

    Of the first step only phi matters: its K personal outputs are f, the common one is b. Its user weights do not.
    """

    name = "eb"
    Parameters = EBParameters
    settings: EBParameters

    def __init__(self, settings: EBParameters, shape: Shape, generator: torch.Generator) -> None:
        self.in_basis = settings.space == "basis"
        super().__init__(not self.in_basis, settings, shape)  # the first step scales its own input
        dimensions = settings.first.basis.bases if self.in_basis else shape.width
        start = Population.standard(dimensions, settings.population.ridge, torch.float32)
        self.mean = nn.Parameter(start.mean, requires_grad=settings.population.mean_learnt)
        self.covariance = nn.Parameter(start.covariance)
        self.started = not self.in_basis
        if self.in_basis:
            self.first = PReF(settings.first, shape, generator).requires_grad_(False)

    def first_step(self, generator: torch.Generator) -> RewardModel | None:
        """PReF: phi and the common reward by joint maximum likelihood; None in the space of states."""
        return PReF(self.settings.first, self.shape, generator) if self.in_basis else None

    def start_from(self, basis: RewardModel) -> None:
        self.first.load_state_dict(basis.state_dict())
        self.started = True

    @property
    def live(self) -> int:
        """R, the features that weights act on: of phi's outputs those that are not zero everywhere."""
        return self.first.phi.live(self.first.personal) if self.in_basis else self.shape.width

    def features(self, responses: Responses) -> Tensor:
        if not self.in_basis:
            return self.scaled(responses)
        return self.first.basis(responses)[:, : self.live]  # (T,K+1) -> (T,R)

    def common(self, responses: Responses) -> Tensor:
        if not self.in_basis:
            return super().common(responses)
        return self.first.basis(responses)[:, self.first.personal :].sum(-1)  # (T,1) or (T,0) -> (T,) logit

    def fit(self, known: PairBatch, generator: torch.Generator) -> None:
        """Learn the population from all pairs of all seen users."""
        if not self.started:
            raise InputError("eb in the space `basis` needs a trained basis: give it a basis_training, not null")
        observed = self.observed(known)
        if self.in_basis:  # few dimensions: double precision costs nothing
            observed = replace(observed, difference=observed.difference.double(), offset=observed.offset.double())
        population = learn_population(observed, self.settings.population)
        with torch.no_grad():
            self.mean[: self.live] = population.mean
            self.covariance[: self.live, : self.live] = population.covariance

    @torch.no_grad()
    def adapt(self, reference: PairBatch) -> UserState:
        """State: ``mean`` (U, R), and ``covariance`` (U, R, R) in a basis, ``reduction`` (U, n, R) on states."""
        observed = self.observed(reference)
        if not self.in_basis:
            return reduced_state(fit_kernel(observed, self.mean, self.covariance))
        prior_mean = self.mean[: self.live].expand(observed.users, -1)  # (R,) -> (U,R)
        precision = torch.linalg.inv(self.covariance[: self.live, : self.live])
        return dense_state(fit_weights(observed, prior_mean, precision))

    def prior_variance(self, direction: Tensor) -> Tensor:
        return ((direction @ self.covariance) * direction).sum(-1)  # (...,D)@(D,D)
