"""A mixture of Gaussians over a user's reward weights, moved by one pair after another in closed form.

Assumed density filtering (Opper 1998; Minka 2001): after each choice the belief, K Gaussians N(m_k, S) with shares
rho_k, is replaced by the nearest such mixture (in divergence of Gaussian and weight together): each Gaussian has the
mean of the exact posterior under it, and S is the mean of their covariances by rho. The mean of a sigmoid under a
Gaussian is MacKay's approximation (1992; VRF Eq. 8). For a pair with feature difference d and offset o, z_k = d.m_k
+ o, v = d'Sd, kappa = (1 + pi v / 8)^-1/2, p_k = sigmoid(kappa z_k), and r = kappa^2 sum_k rho_k p_k (1 - p_k) with
rho after the choice:

    log evidence_k  log p_k        m_k <- m_k + kappa (1 - p_k) S d        S <- S - r S d d' S

kappa^2 v < 8 / pi, so S stays positive definite and no step needs damping, however wrong the belief was. Nothing but
the belief is kept: later pairs move it on, without the earlier ones. The order of pairs matters a little.

Computed over the pairs: what choice s changes of a later pair t's margin goes by a_s.d_t, with a_s = S d_s of its time.
So the turns read and write an (n, n) matrix of those, not the (R, R) covariance, which moves once, at the end.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.methods.logistic import Observed, Padded
from prefactor.segments import groups_by_length

CELLS_PER_CHUNK = 1_000_000  # bounds the (U, n, n) and (U, R, R) tensors, and keeps them near the cache


@dataclass(frozen=True)
class Belief:
    """K Gaussians of one covariance over R weights, for each of U users: ``mean`` (U, K, R), ``covariance`` (U, R, R).

    ``evidence`` (U, K) is the log probability, in nats, that each of them gave to the choices it has met.
    """

    mean: Tensor
    covariance: Tensor
    evidence: Tensor

    @classmethod
    def prior(cls, users: int, mean: Tensor, covariance: Tensor) -> Self:
        """The same K Gaussians, (K, R) and (R, R), for users without pairs."""
        return cls(
            mean.expand(users, *mean.shape),
            covariance.expand(users, *covariance.shape),
            mean.new_zeros(users, len(mean)),
        )

    def rows(self, index: Tensor | slice) -> "Belief":
        """The belief about some users."""
        return Belief(self.mean[index], self.covariance[index], self.evidence[index])


@torch.no_grad()
def absorb(belief: Belief, log_share: Tensor, observed: Observed) -> Belief:
    """The users' belief after all their pairs, in the order in which they come; users of similar numbers at once.

    ``log_share`` (K,) are the Gaussians' shares among all users, in nats; rho is by Bayes' rule from there, whatever
    else a user's shares are read from later. No gradient passes: a belief is made of pairs, phi and bases as they are.
    """
    mean, covariance, evidence = (
        values.clone(memory_format=torch.contiguous_format)
        for values in (belief.mean, belief.covariance, belief.evidence)
    )

    def most(pairs: int) -> int:
        return CELLS_PER_CHUNK // max(pairs, mean.shape[2]) ** 2

    for users, rows, real in groups_by_length(observed.segment, observed.users, most):
        pairs = Padded(observed.difference[rows] * real.unsqueeze(-1), observed.offset[rows] * real, real)
        moved = _moved(belief.rows(users), log_share, pairs)
        mean[users], covariance[users], evidence[users] = moved.mean, moved.covariance, moved.evidence
    return Belief(mean, covariance, evidence)


def _moved(belief: Belief, log_share: Tensor, pairs: Padded) -> Belief:
    """The belief about U users after their n pairs, of which the last ones may not be real."""
    spread = pairs.difference @ belief.covariance  # (U,n,R)@(U,R,R) S d of the start
    along = spread @ pairs.difference.mT  # (U,n,n) of the start; row s becomes a_s.d_t as turn s comes
    expected = belief.mean @ pairs.difference.mT + pairs.offset.unsqueeze(1)  # (U,K,n) logit
    step, told = torch.zeros_like(expected), torch.zeros_like(pairs.offset)  # (U,K,n), (U,n)
    evidence = belief.evidence.clone()
    for turn in range(expected.shape[-1]):
        real = pairs.real[:, turn].unsqueeze(-1)  # (U,1)
        row = along[:, turn, turn:]  # (U,n-turn)
        before = (told[:, :turn] * along[:, :turn, turn]).unsqueeze(-2)  # (U,1,turn)
        row -= (before @ along[:, :turn, turn:]).squeeze(-2)
        kappa = (1 + torch.pi / 8 * row[:, :1]).rsqrt()  # (U,1), from d'Sd, a squared logit
        scaled = kappa * expected[..., turn]  # (U,K)
        evidence += F.logsigmoid(scaled) * real
        chance = torch.sigmoid(scaled)
        step[..., turn] = kappa * (1 - chance) * real
        share = (log_share + evidence).softmax(-1)
        told[:, turn] = (kappa.square() * real).squeeze(-1) * (share * chance * (1 - chance)).sum(-1)
        expected[..., turn:] += step[..., turn, None] * row.unsqueeze(1)
    # a_t = S d_t - sum over s < t of told_s (a_s.d_t) a_s, for all t at once
    earlier = (told.unsqueeze(-1) * along).triu(1).mT
    moved = torch.linalg.solve_triangular(earlier, spread, upper=False, unitriangular=True)  # (U,n,R)
    return Belief(
        belief.mean + step @ moved,  # (U,K,n)@(U,n,R)
        belief.covariance - moved.mT @ (told.unsqueeze(-1) * moved),
        evidence,
    )
