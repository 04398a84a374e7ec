"""The pair encoder of VRF: a reference pair becomes a Gaussian over the preference space."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.basis import Dropout, initialise
from prefactor.methods.gaussians import Gaussians

LOG_STD_RANGE = (-6.0, 4.0)  # keeps precisions within float32 when thousands of pairs are multiplied
PAIRS_PER_CHUNK = 8_192  # a chunk stays in the processor's cache, and memory does not grow with the users


class PairEncoder(nn.Module):
    """A reference pair (h+, h-) to a diagonal Gaussian in R^D (VRF section 4.1).

    Two layers over v = [(h+ + h-)/2 || h+ - h-]. The first is linear in h+ and h-, so it is applied once per unique
    response where pairs share responses: W v = (W_m/2 + W_d) h+ + (W_m/2 - W_d) h-.
    """

    def __init__(self, width: int, hidden: int, latent: int, dropout: float, generator: torch.Generator) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.first = nn.Linear(2 * width, hidden)
        self.second = nn.Linear(hidden, 2 * latent)
        initialise(self, generator)

    def forward(self, states: Tensor, chosen: Tensor, rejected: Tensor) -> Iterator[tuple[Tensor, Gaussians]]:
        """States (T, H) and rows (N,), (N,) of y+ and y- to Gaussians, by chunks: pair numbers, and one for each."""
        states = self.dropout(states)
        halves = self.halves(states) if len(states) < len(chosen) else None
        for rows in torch.arange(len(chosen), device=states.device).split(PAIRS_PER_CHUNK):
            plus, minus = chosen[rows], rejected[rows]
            hidden = self.direct_first(states, plus, minus) if halves is None else halves[0][plus] + halves[1][minus]
            mean, log_std = self.second(F.gelu(hidden)).chunk(2, -1)  # (N,2D) -> (N,D),(N,D)
            yield rows, Gaussians(mean, log_std.clamp(*LOG_STD_RANGE).exp())

    def direct_first(self, states: Tensor, chosen: Tensor, rejected: Tensor) -> Tensor:
        """(N, hidden) first layer, pair by pair."""
        plus, minus = states[chosen], states[rejected]  # (N,H),(N,H)
        return self.first(torch.cat([(plus + minus) / 2, plus - minus], -1))  # (N,2H)@(2H,hidden)

    def halves(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """What each response adds to the first layer as y+ and as y-: (T, H) to (T, hidden) twice.

        The chosen one's first half plus the rejected one's second equals ``direct_first``.
        """
        for_mean, for_difference = self.first.weight.chunk(2, -1)  # (hidden,H),(hidden,H)
        plus = F.linear(states, for_mean / 2 + for_difference, self.first.bias)  # (T,H)@(H,hidden)
        return plus, F.linear(states, for_mean / 2 - for_difference)
