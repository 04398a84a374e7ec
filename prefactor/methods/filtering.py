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
from typing import Self

import torch
from torch import Tensor
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
        users, components, dimensions = self.mean.shape
        along = self.covariance.reshape(users, -1, dimensions) @ difference.unsqueeze(-1)  # (U,KD,D)@(U,D,1)
        along = along.view(users, components, dimensions)  # S d
        expected = (self.mean @ difference.unsqueeze(-1)).squeeze(-1) + offset.unsqueeze(-1)  # (U,K) logit
        variance = (along @ difference.unsqueeze(-1)).squeeze(-1)  # (U,K) squared logit
        kappa = (1 + torch.pi * variance / 8).rsqrt()
        chance = torch.sigmoid(kappa * expected)
        told = (kappa.square() * chance * (1 - chance)).unsqueeze(-1)  # not its root: at p = 1 that has no gradient
        return Belief(
            self.mean + (kappa * (1 - chance)).unsqueeze(-1) * along,
            self.covariance - (told * along).unsqueeze(-1) * along.unsqueeze(-2),
            self.evidence + F.logsigmoid(kappa * expected),
        )

    def rows(self, index: Tensor | slice) -> "Belief":
        """The belief about some users."""
        return Belief(self.mean[index], self.covariance[index], self.evidence[index])


def absorb(belief: Belief, observed: Observed) -> Belief:
    """The users' belief after all their pairs, in the order in which they come; all users at once, pair by pair."""
    count = torch.bincount(observed.segment, minlength=observed.users)
    order = torch.argsort(count, descending=True, stable=True)  # users with a further pair come first, at every pair
    active, done = belief.rows(order), []
    for rows in _turns(observed, order):
        if len(rows) < len(active.mean):
            done.append(active.rows(slice(len(rows), None)))
            active = active.rows(slice(len(rows)))
        active = active.after(observed.difference[rows], observed.offset[rows])
    whole = [active, *reversed(done)]
    back = torch.argsort(order)
    return Belief(
        torch.cat([part.mean for part in whole])[back],
        torch.cat([part.covariance for part in whole])[back],
        torch.cat([part.evidence for part in whole])[back],
    )


def _turns(observed: Observed, order: Tensor) -> Iterator[Tensor]:
    """Rows (u,) of the first pair of every user who has one, of the second, and so on; users as in ``order``."""
    place, _ = places(observed.segment, observed.users)
    turn = torch.argsort(place * observed.users + torch.argsort(order)[observed.segment])
    yield from turn.split(torch.bincount(place).tolist()) if len(place) else ()
