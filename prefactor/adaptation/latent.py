"""Users' posteriors in the preference space: the pair encoder's natural parameters, summed over each user's pairs.

The encoder is the greater part of adapting: its second layer's matrix product, and what is around it. So that runs over
blocks that stay in the processor's cache, and over each distinct pair once where many users share pairs.
"""

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.adaptation.pairs import UserPairs
from prefactor.methods.pair_encoder import LOG_STD_RANGE
from prefactor.methods.vrf import VRF

PAIRS_PER_BLOCK = 1_024  # a block's hidden layer and Gaussians fit into a core's own cache
SAMPLE = 16_384  # pairs that tell how many differ
SHARED = 0.5  # of all pairs at most this share may be distinct: to number them costs something, too


class LatentSums:
    """Sums over users' pairs of what a pair's Gaussian adds to their posterior, for a trained model."""

    def __init__(self, model: VRF) -> None:
        second, product = model.encoder.second, model.settings.pooling == "product"
        self.latent = model.settings.latent
        self._product = product
        # log std -> log precision, or log variance: times -2 or 2, which is exact
        power = -2.0 if product else 2.0
        scale = torch.ones(2 * self.latent)
        scale[self.latent :] = power
        self._weight = (second.weight.detach() * scale.unsqueeze(-1)).T.contiguous()  # (hidden,2D)
        self._bias = second.bias.detach() * scale
        low, high = sorted(power * bound for bound in LOG_STD_RANGE)
        self._range = low, high

    def __call__(self, table: Tensor, pairs: UserPairs) -> tuple[Tensor, Tensor]:
        """Shift and precision, (U, D) each, as ``VRF.adapt`` keeps them; for mean pooling sums of means and variances.

        ``table``: a shelf's ``encoder``.
        """
        shared = _shared(pairs.sides)
        found = self._each(table, pairs) if shared is None else self._of_distinct(table, pairs, *shared)
        return found[:, : self.latent], found[:, self.latent :]

    def _each(self, table: Tensor, pairs: UserPairs) -> Tensor:
        """(U, 2D), pair by pair."""
        found = table.new_empty(pairs.n_users, 2 * self.latent)
        for users, block in pairs.blocks(PAIRS_PER_BLOCK):
            own = torch.arange(len(block), dtype=torch.int32)
            found[users] = _summed(self._natural(table, block.sides), own, block.start)
        return found

    def _of_distinct(self, table: Tensor, pairs: UserPairs, number: Tensor, distinct: Tensor) -> Tensor:
        """(U, 2D) from the distinct pairs (P, 2), and each pair's ``number`` (N,) among them."""
        natural = table.new_empty(len(distinct), 2 * self.latent)
        for first in range(0, len(distinct), PAIRS_PER_BLOCK):
            rows = slice(first, first + PAIRS_PER_BLOCK)
            natural[rows] = self._natural(table, distinct[rows])
        return _summed(natural, number, pairs.start)

    def _natural(self, table: Tensor, sides: Tensor) -> Tensor:
        """(N, 2D): mean / variance and 1 / variance of pairs' Gaussians; for mean pooling mean and variance."""
        hidden = F.gelu(F.embedding_bag(sides, table, mode="sum"))  # (N,hidden)
        found = torch.addmm(self._bias, hidden, self._weight)  # (N,hidden)@(hidden,2D)
        second = found[:, self.latent :].clamp_(*self._range).exp_()
        if self._product:
            found[:, : self.latent] *= second
        return found


def _shared(sides: Tensor) -> tuple[Tensor, Tensor] | None:
    """Each pair's number (N,) int32 among the distinct pairs, and those (P, 2); None where few pairs are alike."""
    keys = sides.numpy().view(np.int64)[:, 0]  # both sides of a pair as one number
    if _distinct(keys) > SHARED * len(keys):
        return None
    number, distinct = pd.factorize(keys)
    sides_of = np.ascontiguousarray(distinct).view(np.int32).reshape(-1, 2)
    return torch.from_numpy(number.astype(np.int32)), torch.from_numpy(sides_of)


def _distinct(keys: np.ndarray) -> float:
    """How many of N pairs differ, about: of n drawn from P that are all as likely, n^2 / 2P are repeated."""
    sample = keys[:SAMPLE]
    found = len(np.unique(sample))
    if len(sample) == len(keys):
        return found
    return max(found, len(sample) ** 2 / (2 * max(len(sample) - found, 1)))


def _summed(values: Tensor, number: Tensor, start: Tensor) -> Tensor:
    """(U, D) sums of the rows ``number`` (N,) int32 of ``values`` (P, D) from each ``start`` (U + 1,) to the next."""
    return F.embedding_bag(number, values, start.to(torch.int32), mode="sum", include_last_offset=True)
