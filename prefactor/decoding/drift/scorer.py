"""Drift predicts pairs: by the attributes that a user's known pairs point to."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from prefactor.decoding.drift.parameters import DriftParameters
from prefactor.decoding.drift.regression import logistic_weights
from prefactor.decoding.drift.rewards import PairRewards
from prefactor.decoding.drift.weights import Direction, largest, spread, unit
from prefactor.methods.base import Margin
from prefactor.preferences import PairBatch

Rewards = Callable[[np.ndarray], np.ndarray]  # texts' rows (N,) -> (N, A) nats


@dataclass(frozen=True, eq=False)
class Tastes:
    """What is known of U users.

    weights     (U, A) of the attributes' rewards as they are, whatever units they were compared in: what predicts and
                what steers. Of length 1 before the reduction to some of them, 0 for those left out
    personal    (U,) False where weights are 0, because there are no pairs or they cancel: the base model answers
    preference  (U, A) mean W - L in nats, of all attributes: what a chart of the user shows
    pairs       (U,) number of pairs
    """

    weights: Tensor
    personal: Tensor
    preference: Tensor
    pairs: Tensor


@dataclass(frozen=True, eq=False)
class DriftScorer:
    """Predicts a pair by sum_i p_i (r_i(y+) - r_i(y-)), Eq. (11). ``rewards`` maps texts' rows (N,) to (N, A) nats."""

    rewards: Rewards
    parameters: DriftParameters

    def __call__(self, known: PairBatch, pairs: PairBatch) -> Margin:
        """(N,) margins of ``pairs`` in nats, without variance; 0 for a user of whom nothing is known."""
        before, asked = self._read(known, pairs)
        weights = self._tastes(before).weights
        mean = (weights[asked.segment] * asked.difference).sum(-1)  # (N,A),(N,A) -> (N,) nats
        return Margin(mean, torch.zeros_like(mean))

    def tastes(self, known: PairBatch) -> Tastes:
        """What the known pairs say of each user."""
        return self._tastes(*self._read(known))

    def _read(self, *batches: PairBatch) -> list[PairRewards]:
        """The rewards of the batches' pairs; those of each text are asked for once."""
        sides = [batch.responses.text[rows] for batch in batches for rows in (batch.chosen, batch.rejected)]
        texts, place = torch.unique(torch.cat(sides), return_inverse=True)
        rewards = torch.as_tensor(self.rewards(texts.cpu().numpy()), dtype=torch.float64, device=texts.device)
        found = [rewards[rows] for rows in place.split([len(side) for side in sides])]
        return [
            PairRewards(chosen, rejected, batch.segment, batch.n_users)
            for chosen, rejected, batch in zip(found[::2], found[1::2], batches, strict=True)
        ]

    def _tastes(self, known: PairRewards) -> Tastes:
        direction = Direction.of(known)
        scale = spread(known.difference) if self.parameters.scaled else known.chosen.new_ones(known.chosen.shape[1])
        weights = self._full_weights(known, direction, scale)
        kept = largest(weights, self.parameters.attributes_kept)
        weights = unit(weights / scale) * kept
        weights = unit(weights) if self.parameters.renormalised else weights
        return Tastes(weights, direction.tells, direction.preference(), direction.pairs)

    def _full_weights(self, known: PairRewards, direction: Direction, scale: Tensor) -> Tensor:
        """(U, A) weights of rewards in units of ``scale`` (A,), of length 1."""
        if self.parameters.form == "closed":
            return direction.weights(scale)
        in_units = replace(known, chosen=known.chosen / scale, rejected=known.rejected / scale)
        fitted = logistic_weights(in_units, self.parameters.shrinkage, self.parameters.form == "absolute")
        return unit(fitted) * direction.tells.unsqueeze(-1)  # where a direction is 0, so is either regression's weight
