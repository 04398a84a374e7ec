"""Free weights: basis rewards, a common reward and unconstrained user weights, by joint maximum likelihood.

PReF's fit (Shenfeld et al. 2025) without its start from a singular value decomposition, and with a common reward.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.base import Shape, UserState
from prefactor.methods.basis import Basis, BasisParameters, Dropout, Standardise
from prefactor.methods.linear import LinearReward, dense_state
from prefactor.methods.logistic import fit_weights
from prefactor.methods.lr import refuse_ridge
from prefactor.preferences import PairBatch, Responses


@dataclass(frozen=True)
class FreeWeightsParameters:
    """``ridge``: user weights have the prior N(0, I / ridge); the common reward has phi's form, with one basis."""

    basis: BasisParameters = field(default_factory=lambda: BasisParameters(bases=12))
    ridge: float = 1.0

    def __post_init__(self) -> None:
        refuse_ridge(self.ridge)


class FreeWeights(LinearReward):
    """r_u = b(h) + w_u . phi(h), w_u in R^K."""

    name = "free"
    Parameters = FreeWeightsParameters
    settings: FreeWeightsParameters

    def __init__(self, settings: FreeWeightsParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings, shape)
        self.scaler = Standardise(shape.width)
        self.phi = Basis(settings.basis, shape.width, generator)
        self.head = Basis(replace(settings.basis, bases=1), shape.width, generator)
        # At equal weights every user would pull phi the same way: a small random start breaks the tie.
        self.user_weights = nn.Parameter(0.1 * torch.randn(shape.seen_users, settings.basis.bases, generator=generator))

    def standardise(self, responses: Responses) -> None:
        if self.settings.basis.standardise:
            self.scaler.fit(responses.views[self.view])

    def features(self, responses: Responses) -> Tensor:
        return self.basis(responses)

    def basis(self, responses: Responses) -> Tensor:
        """(T, K) basis rewards in logits."""
        return self.phi(self.scaler(responses.views[self.view]))

    def common(self, responses: Responses) -> Tensor:
        return self.head(self.scaler(responses.views[self.view])).squeeze(-1)  # (T,1) -> (T,) logit

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        """Negative log of likelihood times prior over all pairs of the batch, in nats per pair."""
        for module in self.modules():
            if isinstance(module, Dropout):
                module.generator = generator
        observed, weights = self.observed(batch), self.user_weights[batch.users]  # (U,K)
        margin = observed.offset + (weights[observed.segment] * observed.difference).sum(-1)  # (N,) logit
        return -F.logsigmoid(margin).mean() + self.settings.ridge / (2 * len(batch)) * weights.square().sum()

    def learnable(self, learning_rate: float) -> list[dict[str, Any]]:
        """User weights have their prior in the loss: the optimiser adds none."""
        shared = [*self.phi.parameters(), *self.head.parameters()]
        return [
            {"params": shared, "lr": learning_rate},
            {"params": [self.user_weights], "lr": learning_rate, "weight_decay": 0.0},
        ]

    @torch.no_grad()
    def adapt(self, reference: PairBatch) -> UserState:
        """The MAP weight of every user, seen or not, and its Laplace posterior: the optimum of ``loss`` given phi.

        State: ``mean`` (U, K), ``covariance`` (U, K, K).
        """
        observed = self.observed(reference)
        precision = self.settings.ridge * torch.eye(self.settings.basis.bases, device=observed.difference.device)
        return dense_state(fit_weights(observed, precision.new_zeros(observed.users, len(precision)), precision))
