"""Calibration: the scale of rewards as a function of how much is known of a user, set on held-out users."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.base import Margin

STEPS = 100
PULL = 1e-3  # towards no change, in nats per squared constant: what the data cannot tell stays as it was


class Calibration(nn.Module):
    """P(first preferred) = sigmoid(s m / sqrt(1 + pi s^2 k v / 8)) for a user with n pairs.

    log s and log k are linear in log(1 + n). One scale for a user's rewards, so their order stays. Platt scaling
    (Platt 1999) without the offset, which an antisymmetric margin must not have; with the margin's variance, and with
    the number of pairs, because models err differently where they know little and where they know much.
    """

    constants: Tensor
    range: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("constants", torch.zeros(4))  # log s: at n = 0, slope; log k: at n = 0, slope
        self.register_buffer("range", torch.zeros(2))  # numbers of pairs that the constants were set on

    def reset(self) -> None:
        """Back to the scale of 1."""
        self.constants.zero_()

    def scale(self, count: Tensor) -> Tensor:
        """(U,) numbers of pairs to (U,) s."""
        return torch.exp(self.constants[0] + self.constants[1] * self._known(count))

    def widening(self, count: Tensor) -> Tensor:
        """(U,) numbers of pairs to (U,) k."""
        return torch.exp(self.constants[2] + self.constants[3] * self._known(count))

    def _known(self, count: Tensor) -> Tensor:
        """log(1 + n), with n within what held-out users had shown: no line is trusted beyond that."""
        return torch.log1p(count.clamp(self.range[0], self.range[1]))

    @torch.enable_grad()
    def fit(self, margin: Margin, count: Tensor) -> float:
        """Least log loss over margins (N,) at the scale of 1, of users with ``count`` (N,) pairs.

        Returns it in nats, the small pull included; infinite where no scale was found.
        """
        constants = torch.zeros(4, dtype=torch.float64, requires_grad=True)
        mean, variance, known = margin.mean.double(), margin.variance.double(), torch.log1p(count.double())
        optimiser = torch.optim.LBFGS([constants], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            scale = torch.exp(constants[0] + constants[1] * known)
            widening = torch.exp(constants[2] + constants[3] * known)
            scaled = Margin(scale * mean, scale.square() * widening * variance)
            return -F.logsigmoid(scaled.attenuated()).mean() + PULL * constants.square().sum()

        def closure() -> Tensor:
            optimiser.zero_grad()
            found = loss()
            found.backward()
            return found

        optimiser.step(closure)
        if not constants.isfinite().all():
            return math.inf
        self.constants.copy_(constants.detach())
        self.range.copy_(torch.stack([count.min(), count.max()]))
        return float(loss().detach())
