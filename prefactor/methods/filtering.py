"""A Gaussian over a user's reward weights, moved by one pair after another in closed form.

Assumed density filtering (Opper 1998; Minka 2001): after each choice the belief N(m, S) about w is replaced by the
Gaussian of the same mean and covariance as the exact posterior, with sigmoid's mean under a Gaussian by MacKay's
approximation (1992; VRF Eq. 8). For a pair with feature difference d and offset o, z = d.m + o, v = d'Sd,
kappa = (1 + pi v / 8)^-1/2 and p = sigmoid(kappa z):

    log evidence  log p          m <- m + kappa (1 - p) S d          S <- S - kappa^2 p (1 - p) S d d' S

kappa^2 v < 8 / pi, so S stays positive definite and no step needs damping, however wrong the belief was. Nothing but
the belief is kept: later pairs move it on, without the earlier ones. The order of pairs matters a little.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from prefactor.methods.logistic import Observed
from prefactor.segments import places


@dataclass(frozen=True)
class Belief:
    """K Gaussians over D weights for each of U users: ``mean`` (U, K, D), ``covariance`` (U, K, D, D).

    ``evidence`` (U, K) is the log probability, in nats, that each of them gave to the choices it has met.
    """

    mean: Tensor
    covariance: Tensor
    evidence: Tensor

    @classmethod
    def prior(cls, users: int, mean: Tensor, covariance: Tensor) -> Self:
        """The same K Gaussians, (K, D) and (K, D, D), for users without pairs."""
        return cls(
            mean.expand(users, *mean.shape),
            covariance.expand(users, *covariance.shape),
            mean.new_zeros(users, len(mean)),
        )

    def after(self, difference: Tensor, offset: Tensor) -> "Belief":
        """The belief after one more choice of every user: ``difference`` (U, D), ``offset`` (U,), y+ minus y-."""
        return Belief(*_Choice.apply(self.mean, self.covariance, self.evidence, difference, offset))

    def rows(self, index: Tensor | slice) -> "Belief":
        """The belief about some users."""
        return Belief(self.mean[index], self.covariance[index], self.evidence[index])


def absorb(belief: Belief, observed: Observed) -> Belief:
    """The users' belief after all their pairs, in the order in which they come; all users at once, pair by pair."""
    count = torch.bincount(observed.segment, minlength=observed.users)
    order = torch.argsort(count, descending=True, stable=True)  # users with a further pair come first, at every pair
    active, done = belief.rows(order), []
    for difference, offset in _turns(observed, order):
        if len(offset) < len(active.mean):
            done.append(active.rows(slice(len(offset), None)))
            active = active.rows(slice(len(offset)))
        active = active.after(difference, offset)
    whole = [active, *reversed(done)]
    back = torch.argsort(order)
    return Belief(
        torch.cat([part.mean for part in whole])[back],
        torch.cat([part.covariance for part in whole])[back],
        torch.cat([part.evidence for part in whole])[back],
    )


def _turns(observed: Observed, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Difference (u, D) and offset (u,) of the first pair of every user who has one, of the second, and so on.

    Users as in ``order``.
    """
    if not len(observed.segment):
        return
    place, _ = places(observed.segment, observed.users)
    turn = torch.argsort(place * observed.users + torch.argsort(order)[observed.segment])
    sizes = torch.bincount(place).tolist()
    yield from zip(observed.difference[turn].split(sizes), observed.offset[turn].split(sizes), strict=True)


class _Choice(torch.autograd.Function):
    """One step of the filter, with its gradient in closed form: a graph of small operations takes 1.6 times as long.

    With a = S d and z = kappa (m.d + o), m moves by t a and S by -r a a', t = kappa (1 - p), r = kappa^2 p (1 - p).
    """

    @staticmethod
    def forward(
        context: Any, mean: Tensor, covariance: Tensor, evidence: Tensor, difference: Tensor, offset: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        column = difference.unsqueeze(-1)  # (U,D,1)
        along = (covariance.flatten(1, 2) @ column).view_as(mean)  # (U,KD,D)@(U,D,1) -> (U,K,D) a
        expected = (mean @ column).squeeze(-1) + offset.unsqueeze(-1)  # (U,K) logit
        kappa = (1 + torch.pi / 8 * (along @ column).squeeze(-1)).rsqrt()  # (U,K), from d'Sd, a squared logit
        scaled = kappa * expected
        chance = torch.sigmoid(scaled)
        told = kappa.square() * chance * (1 - chance)
        context.save_for_backward(mean, covariance, difference, along, expected, kappa, chance)
        return (
            mean.addcmul((kappa * (1 - chance)).unsqueeze(-1), along),
            covariance.addcmul((told.unsqueeze(-1) * along).unsqueeze(-1), along.unsqueeze(-2), value=-1),
            evidence + F.logsigmoid(scaled),
        )

    @staticmethod
    @once_differentiable  # what is kept has no graph of its own
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor]:
        mean, covariance, difference, along, expected, kappa, chance = context.saved_tensors
        of_mean, of_covariance, of_evidence = gradients
        miss, doubt = 1 - chance, chance * (1 - chance)
        column = along.unsqueeze(-1)
        twice = (of_covariance @ column + of_covariance.mT @ column).squeeze(-1)  # (U,K,D) of a' S a, by a
        of_told = -0.5 * (along * twice).sum(-1)  # (U,K) of r
        of_step = (of_mean * along).sum(-1)  # (U,K) of t
        of_scaled = of_told * kappa.square() * doubt * (1 - 2 * chance) - of_step * kappa * doubt + of_evidence * miss
        of_kappa = of_step * miss + 2 * of_told * kappa * doubt + of_scaled * expected
        of_variance = -torch.pi / 16 * kappa**3 * of_kappa
        of_expected = of_scaled * kappa
        of_along = (kappa * miss).unsqueeze(-1) * of_mean - (kappa.square() * doubt).unsqueeze(-1) * twice
        of_along = of_along.addcmul(of_variance.unsqueeze(-1), difference.unsqueeze(1))  # (U,K,D)
        of_difference = None
        if context.needs_input_grad[3]:  # a frozen phi needs none, and has it a sixth faster
            moved = (covariance.mT @ of_along.unsqueeze(-1)).squeeze(-1)  # (U,K,D), through S d
            moved = moved + of_expected.unsqueeze(-1) * mean + of_variance.unsqueeze(-1) * along
            of_difference = moved.sum(1)
        return (
            of_mean.addcmul(of_expected.unsqueeze(-1), difference.unsqueeze(1)),
            of_covariance.addcmul(of_along.unsqueeze(-1), difference[:, None, None]),
            of_evidence,
            of_difference,
            of_expected.sum(1),
        )
