"""Free simplex weights per user, trained jointly for seen users and fitted alone for new ones: LoRe and PAL."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.base import Shape, UserState
from prefactor.methods.basis import BasisParameters
from prefactor.methods.factorised import FactorisedReward
from prefactor.methods.strength import choose_strength
from prefactor.preferences import PairBatch
from prefactor.segments import groups_by_length

PAIRS_PER_GROUP = 65_536  # bounds the padded (u, n, B) differences


@dataclass(frozen=True)
class AdaptationParameters:
    """How a new user's weight is fitted: ``steps`` of Adam on the logits of w_u, ``learning_rate`` falling to 0.

    ``shrinkage`` adds shrinkage / 2n times the squared distance of the logits from those of the seen users' mean
    weight, n being the user's pairs: a Gaussian prior that fades as pairs come in. 0 is the published method,
    which starts from uniform weights. With ``strength_chosen`` it is multiplied by the best of ``strength.STRENGTHS``
    on held-out users; ours.
    """

    steps: int = 300
    learning_rate: float = 0.1
    shrinkage: float = 0.0
    strength_chosen: bool = False

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}")
        if self.shrinkage < 0:
            raise ValueError(f"shrinkage must not be negative, got {self.shrinkage}: 0 turns it off")
        if self.strength_chosen and not self.shrinkage:
            raise ValueError("strength_chosen is about the shrinkage: set it above 0, or leave strength_chosen out")


class SimplexReward(FactorisedReward):
    """w_u = softmax(free logits) over ``choices`` bases or prototypes.

    The weights of the basis rewards are w_u itself, unless a subclass says otherwise in ``on_bases`` and, for the
    gradient of a new user's fit, in ``through_bases``.
    """

    strength: Tensor

    def __init__(
        self,
        choices: int,
        adaptation: AdaptationParameters,
        basis: BasisParameters,
        settings: object,
        shape: Shape,
        generator: torch.Generator,
    ) -> None:
        super().__init__(basis, settings, shape, generator)
        self.adaptation = adaptation
        self.register_buffer("strength", torch.ones(()))
        # Equal logits would give every choice the same gradient: a small random start breaks the tie.
        self.logits = nn.Parameter(0.1 * torch.randn(shape.seen_users, choices, generator=generator))  # (U_seen,K)

    def on_bases(self, weight: Tensor) -> Tensor:
        """Simplex weights (U, K) to the weights (U, B) of the basis rewards."""
        return weight

    def through_bases(self, weight: Tensor, slope: Tensor) -> Tensor:
        """A gradient (U, B) at ``on_bases(weight)`` to the gradient (U, K) at ``weight``."""
        return slope

    def loss(self, batch: PairBatch, generator: torch.Generator) -> Tensor:
        """-log sigmoid(r_u(y+) - r_u(y-)), mean over all pairs of the batch's seen users, reference pairs included."""
        self.train_noise(generator)
        weight = self.on_bases(self.logits[batch.users].softmax(-1))  # (U,B)
        return -F.logsigmoid(self.margin(weight[batch.segment], self.basis_differences(batch)).mean).mean()

    def adapts_by_reward(self, seen: bool) -> bool:
        return not seen

    def adapt(self, reference: PairBatch) -> UserState:
        """Seen users keep their trained weights; a new user's are fitted on their pairs. State: ``weight`` (U, K)."""
        logits = self.fit_logits(reference)
        seen = reference.users >= 0
        trained = self.logits.detach()[reference.users.clamp(min=0)]
        return UserState({"weight": torch.where(seen.unsqueeze(-1), trained, logits).softmax(-1)})

    def calibrate(self, known: Sequence[PairBatch], pairs: PairBatch) -> None:
        if self.adaptation.strength_chosen:
            choose_strength(self.strength, self, known, pairs)

    def weights(self, users: UserState) -> Tensor:
        return self.on_bases(users["weight"])

    @property
    def mean_logits(self) -> Tensor:
        """(K,) logits of the seen users' mean weight: where a new user's fit starts when ``shrinkage`` is on."""
        return self.logits.detach().softmax(-1).mean(0).clamp(min=1e-4).log()

    @torch.no_grad()
    def fit_logits(self, reference: PairBatch) -> Tensor:
        """(U, K) logits of users who are not seen, all at once; a user without pairs keeps the start."""
        new = reference.select((reference.users < 0)[reference.segment])
        difference = self.basis_differences(new.compact())  # (N,B)
        prior = self.mean_logits if self.adaptation.shrinkage else torch.zeros_like(self.mean_logits)
        logits = prior.repeat(reference.n_users, 1)
        for users, rows, real in groups_by_length(new.segment, reference.n_users, lambda n: PAIRS_PER_GROUP // n):
            logits[users] = self._descend(difference[rows], real, prior)
        return logits

    def _descend(self, difference: Tensor, real: Tensor, start: Tensor) -> Tensor:
        """(u, K) logits from basis differences (u, n, B), of which those in ``real`` (u, n) are pairs.

        The loss is a sum over users, so no user depends on the others. Its gradient is written out: two passes over
        the differences a step, and nothing kept for a backward pass.
        """
        count = real.sum(-1, keepdim=True).to(difference.dtype)  # (u,1)
        shrinkage = self.adaptation.shrinkage * self.strength / count
        logits = start.repeat(len(real), 1)
        optimiser = torch.optim.Adam([logits], lr=self.adaptation.learning_rate)
        # A constant rate magnifies rounding errors into other weights, hundreds of steps after a user has converged.
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self.adaptation.steps)
        for _ in range(self.adaptation.steps):
            weight = logits.softmax(-1)  # (u,K)
            margin = (difference * self.on_bases(weight).unsqueeze(-2)).sum(-1)  # (u,n,B)*(u,1,B) -> (u,n) logit
            pull = torch.sigmoid(-margin) * real / count  # (u,n) -d loss / d margin
            toward = (difference * pull.unsqueeze(-1)).sum(-2)  # (u,B) -d loss / d basis weight
            toward = self.through_bases(weight, toward)  # (u,K) -d loss / d weight
            along = (weight * toward).sum(-1, keepdim=True)  # (u,1): softmax removes it
            logits.grad = weight * (along - toward) + shrinkage * (logits - start)
            optimiser.step()
            schedule.step()
        return logits
