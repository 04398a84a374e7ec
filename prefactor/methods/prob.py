"""Prob: a personal reward with a mean and a log-variance per user and response, and Det, its network without (TTP)."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from prefactor.methods.base import Shape, UserState
from prefactor.methods.logistic import Observed, WeightPosterior
from prefactor.methods.pref import PReF, PReFParameters
from prefactor.methods.prob_noise import NoiseParameters
from prefactor.methods.prob_reward import ProbabilisticReward
from prefactor.methods.prob_scores import fit_scores
from prefactor.preferences import PairBatch

ROUNDS = 3  # of fitting lambda_u with variances held fixed, which are then renewed: a fourth moves nothing


@dataclass(frozen=True)
class ProbParameters(NoiseParameters, PReFParameters):
    """PReF's, with a common reward, and those of the variance.

    personal_variance   users differ in their variances too; without it log s^2(y) = c(h)
    """

    common: bool = True
    personal_variance: bool = True

    def __post_init__(self) -> None:
        NoiseParameters.__post_init__(self)
        PReFParameters.__post_init__(self)


class Prob(ProbabilisticReward, PReF):
    """mu_u = lambda_u . phi(h) + b(h) and log s_u^2 = lambda_u . psi(h) + c(h), all from the start that PReF takes.

    A user's state is ``weight`` (U, K), lambda_u: the variance of a margin is that of the choice, not what is not yet
    known of lambda_u.
    """

    name = "prob"
    Parameters = ProbParameters
    settings: ProbParameters

    def __init__(self, settings: ProbParameters, shape: Shape, generator: torch.Generator) -> None:
        PReF.__init__(self, settings, shape, generator)
        self.add_noise(self.personal if settings.personal_variance else 0, generator)

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        """Negative log posterior of all parameters in nats per pair, reference pairs included: PReF's, attenuated.

        (sum over pairs of -log likelihood + c/2 sum over users of ||lambda_u||^2) / pairs.
        """
        self.train_noise(generator)
        weight = self.user_weight[batch.users]  # (U,K)
        margin = self.difference(self.with_common(weight), batch)
        penalty = 0.5 * self.settings.shrinkage * weight.square().sum()
        return (penalty + self.pair_losses(margin, batch).sum()) / len(batch)

    @torch.no_grad()
    def adapt(self, reference: PairBatch) -> UserState:
        """Seen users keep their trained lambda_u; a new user's is fitted with the variances at lambda_u held fixed."""
        reference = reference.compact()
        weight = self._fitted(reference)
        if not self.settings.refit_seen:
            trained = self.user_weight[reference.users.clamp(min=0)]
            weight = torch.where((reference.users >= 0).unsqueeze(-1), trained, weight)
        return UserState({"weight": weight})

    def _fitted(self, reference: PairBatch) -> Tensor:
        """(U, K) lambda_u, from variances at 0 first: a pair of large variance counts for less."""
        observed = self.observe(reference)
        found = None if self.noise is None else self.noise(self.reward_states(reference.responses))
        weight = self.user_weight.new_zeros(reference.n_users, self.personal)
        for _ in range(ROUNDS if self.noise is not None and self.noise.personal else 1):
            variance = self.noise_of(weight[reference.segment], found, reference)
            weight = self._posterior(observed, variance, reference).mean
        return weight

    def _posterior(self, observed: Observed, variance: Tensor, reference: PairBatch) -> WeightPosterior:
        """Of lambda_u given the variances (N,) of the margins."""
        if self.of_scores:
            variance = self.score_variance(variance)
            return fit_scores(observed, self.score_differences(reference), variance, self.prior_precision)
        narrower = torch.rsqrt(1 + torch.pi * variance / 8)  # (N,) the attenuation
        difference = observed.difference * narrower.unsqueeze(-1)
        return self.fit(replace(observed, difference=difference, offset=observed.offset * narrower))

    def next_question(self, users: UserState, candidates: PairBatch) -> Tensor:
        raise TypeError(f"{self.name} keeps no posterior of lambda_u to ask by: ask pref")

    def learnable(self, learning_rate: float) -> list[dict[str, Any]]:
        groups = super().learnable(learning_rate)
        if self.noise is not None:
            groups.append({"params": list(self.noise.parameters()), "lr": learning_rate})
        return groups


@dataclass(frozen=True)
class DetParameters(ProbParameters):
    """Prob's without a variance."""

    variance: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.variance:
            raise ValueError("det is prob without a variance: leave variance out, or train prob")


class Det(Prob):
    """Prob with variance 0: PReF with a common reward, and from the same generator the very same start as Prob."""

    name = "det"
    drawn_as = "prob"
    Parameters = DetParameters
