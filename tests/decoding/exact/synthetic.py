"""A language model by formula: what each attribute does to a text's log-probability, and what pairs of them do."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from prefactor.decoding.exact.objective import Objective
from prefactor.preferences import PairBatch, Responses


@dataclass
class Formula:
    """log pi(text | A) = base[text] + sum of effect[text, A] + the interactions (K, K) of A's attributes."""

    base: np.ndarray
    effect: np.ndarray
    interaction: np.ndarray
    calls: list[int] = field(default_factory=list)

    def __call__(self, texts: np.ndarray, subsets: Sequence[tuple[int, ...]]) -> np.ndarray:
        self.calls.append(len(texts))
        assert all(list(subset) == sorted(set(subset)) for subset in subsets)
        held = np.zeros((len(texts), self.effect.shape[1]))
        for row, subset in enumerate(subsets):
            held[row, list(subset)] = 1
        between = np.einsum("nab,na,nb->n", self.interaction[texts], held, held)
        return self.base[texts] + (self.effect[texts] * held).sum(1) + between


def formula(texts: int, attributes: int, seed: int, interaction: float = 0.0) -> Formula:
    """Random effects in nats, with interactions of the given size."""
    generator = np.random.default_rng(seed)
    between = interaction * generator.standard_normal((texts, attributes, attributes))
    return Formula(-50 + generator.standard_normal(texts), generator.standard_normal((texts, attributes)), between)


def objective(model: Formula) -> Objective:
    return Objective(model, model.effect.shape[1])


def batch(pairs: np.ndarray, segment: np.ndarray, users: int) -> PairBatch:
    """Pairs (N, 2) of text rows as a batch whose responses lie in another order than the text table."""
    text = np.unique(pairs)[::-1].copy()
    row = {value: number for number, value in enumerate(text.tolist())}
    chosen, rejected = (torch.tensor([row[value] for value in side], dtype=torch.long) for side in pairs.T.tolist())
    return PairBatch(
        responses=Responses({}, torch.from_numpy(text)),
        chosen=chosen,
        rejected=rejected,
        segment=torch.from_numpy(segment),
        users=torch.full((users,), -1),
    )


def unit(angles: np.ndarray) -> torch.Tensor:
    """Embeddings (P, 2) at angles (P,) in radians."""
    return torch.from_numpy(np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32))
