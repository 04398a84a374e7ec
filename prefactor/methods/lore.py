"""LoRe: low-rank rewards with free simplex weights per user (Bose et al. 2025)."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.base import Shape, UserState
from prefactor.methods.basis import BasisParameters
from prefactor.methods.factorised import FactorisedReward
from prefactor.preferences import PairBatch
from prefactor.segments import segment_sum


@dataclass(frozen=True)
class AdaptationParameters:
    """How a new user's weight is fitted: ``steps`` of Adam at ``learning_rate`` on the logits of w_u.

    ``shrinkage`` adds shrinkage / 2n times the squared distance of the logits from those of the seen users' mean
    weight, n being the user's pairs: a Gaussian prior that fades as pairs come in. 0 is the published method,
    which starts from uniform weights.
    """

    steps: int = 300
    learning_rate: float = 0.1
    shrinkage: float = 0.0


@dataclass(frozen=True)
class LoReParameters:
    """``basis.form`` linear is the paper's V in R^{H x B}; mlp is VRF's reading of the baseline."""

    basis: BasisParameters = field(default_factory=lambda: BasisParameters(form="linear"))
    adaptation: AdaptationParameters = field(default_factory=AdaptationParameters)


class LoRe(FactorisedReward):
    """w_u = softmax(free logits), fitted jointly with phi for seen users, alone for new ones. Rank 1 is BT."""

    name = "lore"
    Parameters = LoReParameters

    def __init__(self, settings: LoReParameters, shape: Shape, generator: torch.Generator) -> None:
        super().__init__(settings.basis, settings, shape, generator)
        self.adaptation = settings.adaptation
        # Equal logits would give every basis the same gradient: a small random start breaks the tie.
        start = 0.1 * torch.randn(shape.seen_users, settings.basis.bases, generator=generator)
        self.logits = nn.Parameter(start)  # (U_seen,K)

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        """-log sigmoid(w_u . dphi), mean over all pairs of the batch's seen users, reference pairs included."""
        self.train_noise(generator)
        logits = self.logits[batch.users]  # (U,K)
        margin = self.margin(logits.softmax(-1)[batch.segment], self.basis_differences(batch))
        return -F.logsigmoid(margin.mean).mean()

    def adapt(self, reference: PairBatch) -> UserState:
        """Seen users keep their trained weights; a new user's are fitted on their pairs, all users at once."""
        logits = self._fit_logits(reference)
        seen = reference.users >= 0
        trained = self.logits.detach()[reference.users.clamp(min=0)]
        return UserState({"weight": torch.where(seen.unsqueeze(-1), trained, logits).softmax(-1)})

    def weights(self, users: UserState) -> Tensor:
        return users["weight"]

    @property
    def mean_logits(self) -> Tensor:
        """(K,) logits of the seen users' mean weight: where a new user's fit starts when ``shrinkage`` is on."""
        return self.logits.detach().softmax(-1).mean(0).clamp(min=1e-4).log()

    @torch.no_grad()
    def _fit_logits(self, reference: PairBatch) -> Tensor:
        """(U, K) logits of users who are not seen; the sum of per-user losses keeps users independent of the batch.

        The gradient is written out: a third of the passes over (N, K) that autograd makes.
        """
        new = reference.select((reference.users < 0)[reference.segment])
        difference, users = self.basis_differences(new.compact()), new.segment  # (N,K),(N,)
        count = new.pairs_per_user().clamp(min=1).to(difference.dtype)  # (U,)
        shrinkage = (self.adaptation.shrinkage / count).unsqueeze(-1)  # (U,1)
        prior = self.mean_logits if self.adaptation.shrinkage else torch.zeros_like(self.mean_logits)
        logits = prior.repeat(reference.n_users, 1)
        optimiser = torch.optim.Adam([logits], lr=self.adaptation.learning_rate)
        for _ in range(self.adaptation.steps if len(new) else 0):
            weight = logits.softmax(-1)  # (U,K)
            pull = torch.sigmoid(-(weight[users] * difference).sum(-1)) / count[users]  # (N,) -d loss / d margin
            toward = segment_sum(pull.unsqueeze(-1) * difference, users, reference.n_users)  # (U,K) -d loss / d weight
            along = (weight * toward).sum(-1, keepdim=True)  # (U,1): softmax removes it
            logits.grad = weight * (along - toward) + shrinkage * (logits - prior)
            optimiser.step()
        return logits
