"""Calibration: the scale of rewards by how much is known of a user, and lapses, set on held-out users."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.base import Margin, RewardModel, UserState
from prefactor.preferences import PairBatch

STEPS = 100
KNOTS = (1, 3, 5, 9, 20, 45)  # pairs of a user; the last is the largest number that was met, if that is more
PULL = 10.0  # towards no change, in nats per squared logarithm and per lapse: what data cannot tell stays as it was
BEND = 1.0  # of a knot towards the next, likewise
FIRST_LAPSE = 0.01  # where the search for the share of lapses starts


class Calibration(nn.Module):
    """P(first preferred) = c / 2 + (1 - c) sigmoid(s m / sqrt(1 + pi s^2 k v / 8)) for a user with n pairs.

    log s and log k are given at KNOTS, and linear in log(1 + n) between them: one line for all was 2 to 3 per cent off
    where a model has just begun to know its users. One scale for a user's rewards, so their order stays. Platt scaling
    (Platt 1999) without the offset, which an antisymmetric margin must not have; with the margin's variance, and with
    the number of pairs, because models err differently where they know little and where they know much.

    c is the share of choices made at random, the lapses of a psychometric function (Wichmann & Hill 2001): where labels
    are noisy no difference of rewards makes a choice certain. It is one for all, and 0 unless ``lapses`` is set.
    """

    constants: Tensor
    range: Tensor
    lapse: Tensor

    def __init__(self, lapses: bool = False) -> None:
        super().__init__()
        self.lapses = lapses
        self.register_buffer("lapse", torch.zeros(()))
        self.register_buffer("constants", torch.zeros(2, len(KNOTS)))  # log s and log k at the knots
        self.register_buffer("range", torch.zeros(2))  # numbers of pairs that the constants were set on

    def reset(self) -> None:
        """Back to the scale of 1, without lapses."""
        self.constants.zero_()
        self.lapse.zero_()

    def scale(self, count: Tensor) -> Tensor:
        """(U,) numbers of pairs to (U,) s."""
        return torch.exp(self._knots(count) @ self.constants[0])

    def widening(self, count: Tensor) -> Tensor:
        """(U,) numbers of pairs to (U,) k."""
        return torch.exp(self._knots(count) @ self.constants[1])

    def _knots(self, count: Tensor) -> Tensor:
        """Weights (U, KNOTS), with n within what held-out users had shown: no line is trusted beyond that."""
        return _between(count.clamp(self.range[0], self.range[1]), self.range[1]).to(self.constants.dtype)

    def fit_users(
        self, model: RewardModel, users: Sequence[UserState], known: Sequence[PairBatch], pairs: PairBatch
    ) -> float:
        """``fit`` on ``model``'s margins of ``pairs``, whose users are known by one set of pairs after the other."""
        margins = [model.compare(state, pairs) for state in users]
        joined = Margin(torch.cat([m.mean for m in margins]), torch.cat([m.variance for m in margins]))
        return self.fit(joined, torch.cat([reference.pairs_per_user()[pairs.segment] for reference in known]))

    @torch.enable_grad()
    def fit(self, margin: Margin, count: Tensor) -> float:
        """Least log loss over margins (N,) at the scale of 1, of users with ``count`` (N,) pairs.

        Returns it in nats, the small pull included; infinite where no scale was found.
        """
        constants = torch.zeros_like(self.constants, dtype=torch.float64, requires_grad=True)
        root = constants.detach().new_tensor(FIRST_LAPSE).sqrt().requires_grad_(self.lapses)  # of -log(1 - c)
        mean, variance, between = margin.mean.double(), margin.variance.double(), _between(count, count.max())
        free = [constants, root] if self.lapses else [constants]
        optimiser = torch.optim.LBFGS(free, max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            scale, widening = torch.exp(between @ constants.T).unbind(-1)  # (N,J)@(J,2)
            lapse = -torch.expm1(-root.square()) if self.lapses else self.lapse.double()
            scaled = Margin(scale * mean, scale.square() * widening * variance, lapse)
            pull = PULL * (constants.square().mean(-1).sum() + lapse) + BEND * constants.diff().square().sum()
            return -F.logsigmoid(scaled.logit()).mean() + pull / len(count)

        def closure() -> Tensor:
            optimiser.zero_grad()
            found = loss()
            found.backward()
            return found

        optimiser.step(closure)
        if not (constants.isfinite().all() and root.isfinite()):
            return math.inf
        self.constants.copy_(constants.detach())
        if self.lapses:
            self.lapse.copy_(-torch.expm1(-root.detach().square()))
        self.range.copy_(torch.stack([count.min(), count.max()]))
        return float(loss().detach())


def _between(count: Tensor, most: Tensor) -> Tensor:
    """(N,) numbers of pairs, ``most`` () at most, to weights (N, KNOTS), in float64, of the two knots beside each."""
    knots = torch.tensor(KNOTS, dtype=torch.float64, device=count.device)
    knots[-1] = knots[-1].maximum(most)
    knots = torch.log1p(knots)
    known = torch.log1p(count.double()).clamp(knots[0], knots[-1])
    right = torch.searchsorted(knots, known).clamp(min=1).unsqueeze(-1)  # (N,1)
    share = (known.unsqueeze(-1) - knots[right - 1]) / (knots[right] - knots[right - 1])
    none = torch.zeros(len(count), len(knots), dtype=torch.float64, device=count.device)
    return none.scatter(1, right, share).scatter(1, right - 1, 1 - share)
