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
TURNS = 16  # taken one by one before the rest is told of them all at once, by matrix products


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


@dataclass(frozen=True)
class Turns:
    """What n choices did to U users' beliefs, in terms of their pairs.

    ``along`` (U, n, n), of which row s from column s on is a_s.d_t; ``step`` (U, K, n), kappa (1 - p_k) of each turn;
    ``told`` (U, n), its r; ``evidence`` (U, K) after all.
    """

    along: Tensor
    step: Tensor
    told: Tensor
    evidence: Tensor

    def rows(self, index: slice) -> "Turns":
        """Those of some users."""
        return Turns(self.along[index], self.step[index], self.told[index], self.evidence[index])

    def moved(self, spread: Tensor) -> Tensor:
        """(U, n, R) a_t, S d_t of the time of turn t, from ``spread`` (U, n, R), that of the start.

        a_t = S d_t - sum over s < t of told_s (a_s.d_t) a_s, for all t at once.
        """
        later = (self.told.unsqueeze(-1) * self.along).triu_(1)  # (U,n,n)
        return _solved(later, spread)


def take_turns(
    along: Tensor, expected: Tensor, log_share: Tensor, evidence: Tensor, real: Tensor | None = None
) -> Turns:
    """One choice after another, of U users side by side, in blocks of TURNS.

    ``along`` (U, n, n), d_s'S d_t of the start, is overwritten; ``expected`` (U, K, n) are the margins, offsets
    included, in logits; ``real`` (U, n) tells choices from padding behind them, and is None where there is none.
    """
    users, _, turns = expected.shape
    step, told = expected.new_empty(expected.shape), expected.new_empty(users, turns)
    evidence = evidence.mT.contiguous()  # (K,U): users come last, so that a turn reads and writes long rows
    for first in range(0, turns, TURNS):
        last = min(first + TURNS, turns)
        now, before = slice(first, last), along[:, :first, first:]
        rows, margins = along[:, now, first:], expected[..., now]
        if first:  # what earlier blocks changed
            weighed = (before[..., : last - first] * told[:, :first, None]).mT
            rows = torch.baddbmm(rows, weighed, before, alpha=-1)
            margins = torch.baddbmm(margins, step[..., :first], before[..., : last - first])
        own = rows[..., : last - first].permute(1, 2, 0).contiguous()  # (b,b,U)
        here = _block(own, margins.permute(2, 1, 0).contiguous(), log_share, evidence, _turned(real, now))
        step[..., now], told[:, now] = here[0].permute(2, 1, 0), here[1].mT
        along[:, now, now] = own.permute(2, 0, 1)
        if last < turns:
            later = (told[:, now, None] * along[:, now, now]).triu_(1)
            along[:, now, last:] = _solved(later, rows[..., last - first :])
    return Turns(along, step, told, evidence.mT)


def _block(
    along: Tensor, expected: Tensor, log_share: Tensor, evidence: Tensor, real: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Step (b, K, U) and told (b, U) of b turns; ``along`` (b, b, U) and ``evidence`` (K, U) are moved on."""
    step, told = torch.empty_like(expected), torch.empty_like(along[0])
    log_share = log_share.unsqueeze(-1)
    for turn in range(len(expected)):
        row = along[turn, turn:]  # (b-turn,U)
        if turn:
            row -= ((told[:turn] * along[:turn, turn]).unsqueeze(1) * along[:turn, turn:]).sum(0)
        kappa = (row[0] * (torch.pi / 8)).add_(1).rsqrt_()  # (U,), from d'Sd, a squared logit
        scaled = kappa * expected[turn]  # (K,U)
        gain = F.logsigmoid(scaled)
        evidence += gain if real is None else gain.mul_(real[turn])
        surprise = scaled.neg_().sigmoid_()  # 1 - p
        share = (log_share + evidence).softmax(0)
        torch.mul(kappa, surprise, out=step[turn])
        told[turn] = torch.addcmul(surprise, surprise, surprise, value=-1).mul_(share).sum(0).mul_(kappa).mul_(kappa)
        if real is not None:
            step[turn] *= real[turn]
            told[turn] *= real[turn]
        expected[turn + 1 :].addcmul_(step[turn], row[1:].unsqueeze(1))  # (b-turn-1,K,U)
    return step, told


def _turned(real: Tensor | None, turns: slice) -> Tensor | None:
    """(b, U) of (U, n)."""
    return None if real is None else real[:, turns].mT.contiguous()


def _solved(later: Tensor, rows: Tensor) -> Tensor:
    """(U, n, R) x with x_t = rows_t - sum over s < t of later_st x_s, for strictly upper ``later`` (U, n, n)."""
    return torch.linalg.solve_triangular(later, rows.mT, upper=True, left=False, unitriangular=True).mT


def _moved(belief: Belief, log_share: Tensor, pairs: Padded) -> Belief:
    """The belief about U users after their n pairs, of which the last ones may not be real."""
    spread = pairs.difference @ belief.covariance  # (U,n,R)@(U,R,R) S d of the start
    along = spread @ pairs.difference.mT  # (U,n,n)
    expected = belief.mean @ pairs.difference.mT + pairs.offset.unsqueeze(1)  # (U,K,n) logit
    turns = take_turns(along, expected, log_share, belief.evidence, pairs.real)
    moved = turns.moved(spread)
    return Belief(
        belief.mean + turns.step @ moved,  # (U,K,n)@(U,n,R)
        belief.covariance - moved.mT @ (turns.told.unsqueeze(-1) * moved),
        turns.evidence,
    )
