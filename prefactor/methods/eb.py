"""EB: empirical Bayes. A Gaussian over users' weights, learnt from seen users; each user's posterior in closed form."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from prefactor.errors import InputError
from prefactor.methods.base import ClosedForm, RewardModel, Shape, UserState
from prefactor.methods.basis import BasisParameters
from prefactor.methods.linear import LinearReward, dense_state, reduced_state
from prefactor.methods.logistic import fit_kernel, fit_weights
from prefactor.methods.population import EMParameters, LearntPopulation
from prefactor.methods.pref import PReF, PReFParameters
from prefactor.methods.standardised import StandardisedReward
from prefactor.preferences import PairBatch, Responses


@dataclass(frozen=True)
class EBParameters:
    """``first`` is the first step, PReF; its common reward, where it has one, is an offset here."""

    population: EMParameters = field(default_factory=EMParameters)
    first: PReFParameters = field(default_factory=lambda: PReFParameters(BasisParameters(bases=12), common=True))


@dataclass(frozen=True)
class EBStatesParameters:
    """How the population over weights on all states is learnt."""

    population: EMParameters = field(default_factory=EMParameters)


class EB(LinearReward, ClosedForm):
    """r_u = b(h) + w_u . f(h), w_u ~ N(m, S) with m and S learnt by expectation maximisation.

    Of the first step only phi matters: its K personal outputs are f, the common one is b. Its user weights do not.
    """

    name = "eb"
    Parameters = EBParameters
    settings: EBParameters

    def __init__(self, settings: EBParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings, shape)
        self.population = LearntPopulation(settings.first.basis.bases, settings.population)
        self.first = PReF(settings.first, shape, generator).requires_grad_(False)
        self.started = False

    def first_step(self, generator: torch.Generator) -> RewardModel:
        """PReF: phi and the common reward by joint maximum likelihood."""
        return PReF(self.settings.first, self.shape, generator)

    def start_from(self, basis: RewardModel) -> None:
        self.first.load_state_dict(basis.state_dict())
        self.started = True

    @property
    def live(self) -> int:
        """R, the features that weights act on: those of phi's outputs that are not zero everywhere."""
        return self.first.phi.live(self.first.personal)

    def features(self, responses: Responses) -> Tensor:
        return self.first.basis(responses)[:, : self.live]  # (T,K+1) -> (T,R)

    def common(self, responses: Responses) -> Tensor:
        return self.first.basis(responses)[:, self.first.personal :].sum(-1)  # (T,1) or (T,0) -> (T,) logit

    def fit(self, known: PairBatch) -> None:
        """Learn the population from all pairs of all seen users."""
        if not self.started:
            raise InputError("eb needs a trained basis: give it a basis_training, not null; eb_states needs none")
        observed = self.observed(known)  # few dimensions: double precision costs nothing
        observed = replace(observed, difference=observed.difference.double(), offset=observed.offset.double())
        self.population.learn(observed)

    @torch.no_grad()
    def adapt(self, reference: PairBatch) -> UserState:
        """State: ``mean`` (U, R), ``covariance`` (U, R, R)."""
        observed = self.observed(reference)
        prior_mean = self.population.mean[: self.live].expand(observed.users, -1)  # (R,) -> (U,R)
        precision = torch.linalg.inv(self.population.covariance[: self.live, : self.live])
        return dense_state(fit_weights(observed, prior_mean, precision))


class EBStates(StandardisedReward, LinearReward, ClosedForm):
    """r_u = w_u . h on all H standardised states, w_u ~ N(m, S): no first step, and m is all that users share."""

    name = "eb_states"
    Parameters = EBStatesParameters
    settings: EBStatesParameters

    def __init__(self, settings: EBStatesParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(True, settings, shape)
        self.population = LearntPopulation(shape.width, settings.population)

    def features(self, responses: Responses) -> Tensor:
        """(T, H) standardised states."""
        return self.scaled(responses)

    def prior_variance(self, direction: Tensor) -> Tensor:
        return ((direction @ self.population.covariance) * direction).sum(-1)  # (...,H)@(H,H)

    def fit(self, known: PairBatch) -> None:
        """Learn the population from all pairs of all seen users."""
        self.population.learn(self.observed(known))

    @torch.no_grad()
    def adapt(self, reference: PairBatch) -> UserState:
        """State: ``mean`` (U, H), ``reduction`` (U, n, H)."""
        return reduced_state(fit_kernel(self.observed(reference), self.population.mean, self.population.covariance))
