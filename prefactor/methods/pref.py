"""PReF: rewards factorised with unconstrained user weights (Shenfeld et al. 2025)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.base import Margin, Shape, UserState
from prefactor.methods.basis import BasisAndCommon, BasisParameters, CommonParameters
from prefactor.methods.factorised import FactorisedReward
from prefactor.methods.gaussians import variance_along
from prefactor.methods.logistic import Observed, WeightPosterior, fit_weights, likelihood_expansion
from prefactor.methods.preference_matrix import detected_rank, leading_directions, project_onto_states
from prefactor.methods.strength import choose_strength
from prefactor.methods.user_scores import distinct_directions
from prefactor.preferences import PairBatch


@dataclass(frozen=True)
class PReFParameters:
    """The factorisation, its start and its prior.

    shrinkage    precision c of the prior lambda_u ~ N(0, I / c): the L2 penalty c/2 ||lambda_u||^2 beside the log
                 likelihood, of seen users in training and of a new user's fit alike
    svd_start    phi starts from the singular value decomposition of the preference matrix, lambda from its fit to it;
                 False starts both at random
    detected     only directions that stand out of chance are started; the others stay at zero, so that K is an upper
                 bound. They are the preference matrix's (``preference_matrix.detected_rank``), or where more of those
                 stand out, as they do where users judge texts of their own, the users' scores' (``user_scores``); ours
    common       adds a reward b(h) that all users share, with weight 1 and no prior, so that lambda_u is only what is
                 personal; ours
    common_network
                 b is a network of its own beside phi; None makes it one more output of phi. Ours
    strength_chosen
                 for new users, c times the best of ``strength.STRENGTHS`` on held-out users; ours
    refit_seen   a seen user is fitted on their known pairs like a new one, instead of keeping the trained lambda_u
    """

    basis: BasisParameters = field(default_factory=BasisParameters)
    shrinkage: float = 1.0
    svd_start: bool = True
    detected: bool = False
    common: bool = False
    common_network: CommonParameters | None = None
    strength_chosen: bool = False
    refit_seen: bool = False

    def __post_init__(self) -> None:
        if self.shrinkage <= 0:
            raise ValueError(f"shrinkage must be positive, or a user without pairs has no fit, got {self.shrinkage}")
        if self.detected and not self.svd_start:
            raise ValueError("detected is about the directions of the SVD start: set svd_start")
        if self.common_network and not self.common:
            raise ValueError("common_network is that of the common reward: set common, or leave common_network out")


class PReF(FactorisedReward):
    """r_u = lambda_u . phi(h), lambda_u in R^K; a new user's by logistic regression, whose posterior is a Gaussian.

    phi has K outputs, and b(h) as one more where there is a common reward.
    """

    name = "pref"
    Parameters = PReFParameters
    settings: PReFParameters
    strength: Tensor

    def __init__(self, settings: PReFParameters, shape: Shape, generator: torch.Generator) -> None:
        self.personal = settings.basis.bases  # K
        within = settings.common and settings.common_network is None
        basis = replace(settings.basis, bases=self.personal + within)
        super().__init__(basis, settings, shape, generator, common=settings.common_network)
        self.register_buffer("strength", torch.ones(()))
        self.user_weight = nn.Parameter(0.1 * torch.randn(shape.seen_users, self.personal, generator=generator))

    def prepare(self, known: PairBatch, generator: torch.Generator) -> None:
        """Start phi at the leading directions of the preference matrix, and lambda at its fit given phi."""
        if not self.settings.svd_start:
            return
        known = known.compact()
        states = self.reward_states(known.responses)
        directions, rank = self._directions(known, states, generator)
        project_onto_states(self.phi, states, directions)
        with torch.no_grad():
            self.phi.last.weight[rank : self.personal] = 0  # a network only comes near to it
            self.phi.last.bias[rank : self.personal] = 0
            # Added to the small random start, or a direction that the matrix lacks would have no gradient, nor lambda.
            self.user_weight[known.users] += self.fit(self.observe(known)).mean
            self.user_weight[:, rank:] = 0  # neither phi nor lambda: no gradient, now and later

    def _directions(self, known: PairBatch, states: Tensor, generator: torch.Generator) -> tuple[Tensor, int]:
        """(T, K) or (T, K + 1) over the responses, and after how many the personal ones are zero."""
        most, common = self.personal, self.settings.common
        directions = leading_directions(known, most, common, generator)
        if not self.settings.detected:
            return directions, most
        rank = detected_rank(known, most, generator)
        by_scores, distinct = distinct_directions(known, states, most, generator)
        if distinct > rank or not rank:
            rank, directions = distinct, by_scores
            if not common:
                directions = torch.cat([directions[:, most:], directions[:, : most - 1]], -1)
        # The common taste is a direction of its own, the first, where it is not a reward of its own.
        rank = min(rank + (not common), most)
        directions[:, rank:most] = 0
        return directions, rank

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        """Negative log posterior of phi and lambda in nats per pair, reference pairs included.

        (sum over pairs of -log sigmoid(margin) + c/2 sum over users of ||lambda_u||^2) / pairs.
        """
        self.train_noise(generator)
        weight = self.user_weight[batch.users]  # (U,K)
        margin = self.margin(self.with_common(weight)[batch.segment], self.basis_differences(batch)).mean
        penalty = 0.5 * self.settings.shrinkage * weight.square().sum()
        return (penalty - F.logsigmoid(margin).sum()) / len(batch)

    @torch.no_grad()
    def adapt(self, reference: PairBatch) -> UserState:
        """Seen users keep their trained lambda_u; a new user's is the mode of the posterior.

        State: ``weight`` (U, K), and ``covariance`` (U, K, K), the inverse Hessian at the weight.
        """
        observed = self.observe(reference.compact())
        posterior = self.fit(observed)
        seen = reference.users >= 0
        if seen.any() and not self.settings.refit_seen:
            trained = self.user_weight[reference.users.clamp(min=0)]
            weight = torch.where(seen.unsqueeze(-1), trained, posterior.mean)
            posterior = WeightPosterior(weight, self.prior_precision + likelihood_expansion(observed, weight)[1])
        return UserState({"weight": posterior.mean, "covariance": posterior.covariance})

    def observe(self, pairs: PairBatch) -> Observed:
        """The pairs' dphi (N, K), with the common reward's difference as the offset."""
        return Observed.personal(self.basis_differences(pairs), self.personal, pairs)

    def fit(self, observed: Observed) -> WeightPosterior:
        """MAP lambda_u and Hessian of all users at once; where phi's outputs are zero, the prior's."""
        live, prior = self.phi.live(self.personal), self.prior_precision
        seen = replace(observed, difference=observed.difference[:, :live])
        found = fit_weights(seen, prior.new_zeros(observed.users, live), prior[:live, :live])
        precision = prior.repeat(observed.users, 1, 1)
        precision[:, :live, :live] = found.precision
        return WeightPosterior(F.pad(found.mean, (0, self.personal - live)), precision)

    @property
    def prior_precision(self) -> Tensor:
        """(K, K) c I."""
        weight = self.user_weight
        return (
            self.settings.shrinkage * self.strength * torch.eye(self.personal, dtype=weight.dtype, device=weight.device)
        )

    def calibrate(self, known: Sequence[PairBatch], pairs: PairBatch) -> None:
        if self.settings.strength_chosen:
            choose_strength(self.strength, self, known, pairs)

    def with_common(self, weight: Tensor) -> Tensor:
        """(U, K) to (U, K) or, with weight 1 for b(h), (U, K + 1)."""
        return F.pad(weight, (0, int(self.settings.common)), value=1.0)

    def weights(self, users: UserState) -> Tensor:
        return self.with_common(users["weight"])

    def judge(self, users: UserState, segment: Tensor, difference: Tensor) -> Margin:
        """The mean margin, with variance dphi' covariance_u dphi: what is not known of lambda_u."""
        mean = super().judge(users, segment, difference).mean
        return Margin(mean, variance_along(difference[:, : self.personal], users["covariance"], segment))

    @torch.no_grad()
    def next_question(self, users: UserState, candidates: PairBatch) -> Tensor:
        """(U,) row in ``candidates`` of the pair to ask each user about: the largest variance, the first of equals.

        A user's candidates are those of their segment; -1 for a user without any.
        """
        variance = self.compare(users, candidates).variance  # (N,)
        largest = variance.new_full((len(users),), -torch.inf)
        largest = largest.scatter_reduce(0, candidates.segment, variance, "amax")
        row = torch.arange(len(candidates), device=variance.device)
        tied = torch.where(variance == largest[candidates.segment], row, len(candidates))
        first = torch.full((len(users),), len(candidates), device=variance.device)
        first = first.scatter_reduce(0, candidates.segment, tied, "amin")
        return torch.where(first < len(candidates), first, -1)

    def learnable(self, learning_rate: float) -> list[dict[str, Any]]:
        """lambda has its own penalty in the loss, so the optimiser adds none; b may have a network at its own rate."""
        groups: list[dict[str, Any]] = [{"params": [self.user_weight], "lr": learning_rate, "weight_decay": 0.0}]
        common = self.settings.common_network
        if common is None:
            return [{"params": list(self.phi.parameters()), "lr": learning_rate}, *groups]
        assert isinstance(self.phi, BasisAndCommon)
        own = {"lr": common.learning_rate * learning_rate}
        if common.weight_decay is not None:
            own["weight_decay"] = common.weight_decay
        return [
            {"params": list(self.phi.layers.parameters()), "lr": learning_rate},
            {"params": list(self.phi.common.parameters()), **own},
            *groups,
        ]
