"""Directions of taste where users judge texts of their own: from how their choices depart from the common reward's.

Where hardly any text is met by two users the preference matrix has no column to compare users by. What they share is
the space of states. Under one reward w_0 . z for all, with z the states in coordinates in which differences d of a
pair have variance I, a user's score s_u = sum_i sigmoid(-w_0 . d_i) d_i has mean zero, whatever pairs they met. Where
weights differ from user to user, w_u = w_0 + v_u, it is about (n_u / 4) v_u, so that scores spread along the directions
of v: the score test of a variance component (Lin 1997), direction by direction.

Chance is parallel analysis with random signs, as for the preference matrix. A user's pairs that hang together by texts
turn together, since one odd text moves all its pairs: a user whose pairs all hang together says nothing here. What a
curved common reward leaves over in what a user happens to be asked about would look like taste.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.methods.parallel_analysis import standing_out
from prefactor.methods.principal_axes import principal_axes
from prefactor.preferences import PairBatch
from prefactor.segments import connected

FLIPS = 20  # sets of random signs
AXES = 512  # principal axes of the differences that are looked at; bounds the (H, H) decompositions of wide states
RIDGE = 0.1  # added to the differences' variance, relative to its mean
STEPS = 100  # of the common reward's fit


@dataclass(frozen=True)
class UserScores:
    """What U users' choices between T texts say beyond the common reward.

    ``states`` (T, A) are z, ``common`` (T,) is w_0 . z in logits, ``departure`` (N,) is sigmoid(-w_0 . d) of each pair.
    """

    pairs: PairBatch
    states: Tensor
    common: Tensor
    departure: Tensor

    @classmethod
    def of(cls, pairs: PairBatch, states: Tensor) -> "UserScores":
        """From standardised ``states`` (T, H) of the pairs' responses."""
        whitened = _whitened(pairs, states)
        common = whitened @ _common_weights(pairs, whitened)  # (T,A)@(A,)
        return cls(pairs, whitened, common, torch.sigmoid(common[pairs.rejected] - common[pairs.chosen]))

    def decomposed(self, sign: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Singular values (A,), falling, and right singular vectors (A, A) of the scores (U, A).

        ``sign`` (N,) turns pairs round.
        """
        pairs = self.pairs
        weight = self.departure if sign is None else self.departure * sign
        user, text = pairs.segment.repeat(2), torch.cat([pairs.chosen, pairs.rejected])
        size = (pairs.n_users, len(self.states))
        preferred = torch.sparse_coo_tensor(
            torch.stack([user, text]), torch.cat([weight, -weight]), size, check_invariants=False
        )
        scores = torch.sparse.mm(preferred, self.states)  # (U,T)@(T,A)
        square, vectors = torch.linalg.eigh(scores.T @ scores)  # (A,U)@(U,A)
        return square.clamp(min=0).sqrt().flip(0), vectors.flip(1)


def distinct_directions(known: PairBatch, states: Tensor, most: int, generator: torch.Generator) -> tuple[Tensor, int]:
    """(T, most + 1): directions of taste over the responses, then the common reward; and how many of them there are.

    Those beyond what stands out of chance are zero.
    """
    scores = UserScores.of(known, states)
    values, vectors = scores.decomposed()
    unit, units = _units(known)
    signs = (2.0 * torch.randint(2, (units,), generator=generator).to(states) - 1 for _ in range(FLIPS))
    rank = standing_out(values[:most], (float(scores.decomposed(sign[unit])[0][0]) for sign in signs))
    tastes = scores.states @ (vectors[:, :rank] * (values[:rank] / values[0]).sqrt())  # (T,A)@(A,r)
    common = scores.common * scores.states.std() / scores.common.std().clamp(min=1e-12)
    return torch.cat([F.pad(tastes, (0, most - rank)), common.unsqueeze(-1)], -1), rank


def _whitened(pairs: PairBatch, states: Tensor) -> Tensor:
    """(T, A) states whose pairs' differences have variance I, but for directions in which they hardly differ."""
    spread, axes = principal_axes(pairs, states)
    scale = (spread + RIDGE * spread.mean() + 1e-12).sqrt()
    return states @ (axes / scale)[:, -AXES:]  # (T,H)@(H,A)


def _common_weights(pairs: PairBatch, states: Tensor) -> Tensor:
    """(A,) w_0: everyone's logistic regression, with margins of about one logit a priori."""
    weights = states.new_zeros(states.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        reward = states @ weights  # (T,A)@(A,)
        loss = -F.logsigmoid(reward[pairs.chosen] - reward[pairs.rejected]).sum()
        loss = (loss + 0.5 * len(weights) * weights.square().sum()) / len(pairs)
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)
    return weights.detach()


def _units(pairs: PairBatch) -> tuple[Tensor, int]:
    """Which of the units (N,) each pair is in, and how many there are: pairs of one user connected by texts."""
    texts = len(pairs.responses)
    cell = torch.cat([pairs.segment * texts + pairs.chosen, pairs.segment * texts + pairs.rejected])
    cells, place = torch.unique(cell, return_inverse=True)
    chosen, rejected = place.view(2, -1)
    units, unit = torch.unique(connected(chosen, rejected, len(cells))[chosen], return_inverse=True)
    return unit, len(units)
