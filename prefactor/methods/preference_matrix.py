"""Where PReF's basis starts: the singular value decomposition of who preferred what (Shenfeld et al. 2025).

Their matrix has one row per user and one column per pair, shared by many users. Where users judge pairs of their own,
its columns have one entry each and nothing to decompose; so here Y[u, t] counts how often user u preferred response t
minus how often they rejected it, which is their matrix times each pair's +1 and -1 on its responses. Y is sparse: its
products with thin matrices are sums over entries.

How many of its directions tell tastes from chance is found by parallel analysis with random signs (Hong, Sheng and
Dobriban 2020): a matrix with the same entries in size, but each of random sign, has no directions, so singular values
that do not stand out of its largest (``parallel_analysis``) are noise. Signs are drawn in two ways, and both must be
passed: by pair, which keeps that a choice puts +1 on one text and -1 on another; and by entry, which keeps that choices
made from one user's ratings of texts hang together.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.basis import Basis
from prefactor.methods.parallel_analysis import standing_out
from prefactor.preferences import PairBatch
from prefactor.segments import segment_mean, segment_sum

OVERSAMPLED = 8  # directions beyond those wanted, for accuracy (Halko, Martinsson and Tropp 2011, section 4.2)
ITERATIONS = 12
FLIPS = 10  # matrices of random signs, of either kind
RIDGE = 0.1  # penalty on the projection's weights, relative to the states' variance of 1
REGRESSION_STEPS = 200
REGRESSION_RATE = 0.01


@dataclass(frozen=True)
class PreferenceMatrix:
    """Y, or a matrix of its shape: ``value`` (M,) at row ``user`` (M,) and column ``text`` (M,); zero elsewhere."""

    user: Tensor
    text: Tensor
    value: Tensor
    users: int
    texts: int

    @classmethod
    def of(cls, known: PairBatch) -> Self:
        """Y from pairs: its entries are the (user, response) that occur."""
        texts = len(known.responses)
        cell = torch.cat([known.segment * texts + known.chosen, known.segment * texts + known.rejected])  # (2N,)
        entry, place = torch.unique(cell, return_inverse=True)
        sign = torch.ones(len(known), device=cell.device)
        value = segment_sum(torch.cat([sign, -sign]), place, len(entry))
        return cls(entry // texts, entry % texts, value, known.n_users, texts)

    def personal(self) -> "PreferenceMatrix":
        """Each entry less the mean of its text's entries: what is not common to the users who met the text."""
        return replace(self, value=self.value - segment_mean(self.value, self.text, self.texts)[self.text])

    def flipped(self, generator: torch.Generator) -> "PreferenceMatrix":
        """The same entries with random signs."""
        flip = torch.rand(len(self.value), generator=generator) < 0.5
        return replace(self, value=torch.where(flip.to(self.value.device), -self.value, self.value))

    def times(self, thin: Tensor) -> Tensor:
        """Y thin: (T, q) to (U, q)."""
        return torch.sparse.mm(self._sparse, thin)

    def transposed_times(self, thin: Tensor) -> Tensor:
        """Y' thin: (U, q) to (T, q)."""
        return torch.sparse.mm(self._sparse.t(), thin)

    @cached_property
    def _sparse(self) -> Tensor:
        place = torch.stack([self.user, self.text])
        return torch.sparse_coo_tensor(place, self.value, (self.users, self.texts), check_invariants=False)


def leading_directions(known: PairBatch, directions: int, common: bool, generator: torch.Generator) -> Tensor:
    """(T, K) leading right singular vectors of Y times the square roots of their singular values.

    ``common`` takes the mean user out of Y first, and adds it as one more column.
    """
    matrix = PreferenceMatrix.of(known)
    average = matrix.transposed_times(matrix.value.new_ones(matrix.users, 1)) / matrix.users  # (T,1)

    def products(thin: Tensor) -> Tensor:
        image = matrix.times(thin)  # (T,q) -> (U,q)
        return image - average.T @ thin if common else image

    def back(thin: Tensor) -> Tensor:
        image = matrix.transposed_times(thin)  # (U,q) -> (T,q)
        return image - average @ thin.sum(0, keepdim=True) if common else image

    frame, values = _decompose(matrix, products, back, directions, generator)
    found = frame * values.sqrt()  # (T,q)
    found = F.pad(found, (0, max(directions - len(values), 0)))[:, :directions]  # zeros beyond the rank
    return torch.cat([found, average], -1) if common else found


def detected_rank(known: PairBatch, most: int, generator: torch.Generator) -> int:
    """How many directions of personal taste stand out of chance, at most ``most``; 0 where no text is shared."""
    personal = PreferenceMatrix.of(known).personal()
    by_entry = [float(_spectrum(personal.flipped(generator), most, generator)[0]) for _ in range(FLIPS)]
    by_pair = [
        float(_spectrum(PreferenceMatrix.of(_turned(known, generator)).personal(), most, generator)[0])
        for _ in range(FLIPS)
    ]
    return standing_out(_spectrum(personal, most, generator)[:most], by_entry, by_pair)


def _turned(known: PairBatch, generator: torch.Generator) -> PairBatch:
    """The same pairs with labels that say nothing."""
    turn = (torch.rand(len(known), generator=generator) < 0.5).to(known.chosen.device)
    chosen, rejected = known.chosen, known.rejected
    return replace(known, chosen=torch.where(turn, rejected, chosen), rejected=torch.where(turn, chosen, rejected))


def _spectrum(matrix: PreferenceMatrix, values: int, generator: torch.Generator) -> Tensor:
    """At least ``values`` leading singular values, in falling order."""
    return _decompose(matrix, matrix.times, matrix.transposed_times, values, generator)[1]


def _decompose(
    matrix: PreferenceMatrix,
    times: Callable[[Tensor], Tensor],
    transposed_times: Callable[[Tensor], Tensor],
    directions: int,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Leading right singular vectors (T, q) and singular values (q,), by randomised subspace iteration."""
    width = min(directions + OVERSAMPLED, matrix.texts, matrix.users)
    frame = torch.randn(matrix.texts, width, generator=generator).to(matrix.value.device)
    for _ in range(ITERATIONS):
        frame = torch.linalg.qr(transposed_times(times(torch.linalg.qr(frame).Q))).Q
    _, values, turn = torch.linalg.svd(times(frame), full_matrices=False)
    return frame @ turn.mT, values  # (T,q)@(q,q)


def project_onto_states(phi: Basis, states: Tensor, directions: Tensor) -> None:
    """Fit phi to ``directions`` (T, K) at standardised ``states`` (T, H), then scale it to a mean square of 1.

    The scale of rewards is lambda's business, and a prior on lambda means something only where phi has a known scale.
    """
    target = directions / _root_mean_square(directions)
    for layers, outputs in phi.parts():
        fit = _solve if isinstance(layers, nn.Linear) else _descend
        fit(layers, states, target[:, outputs])
    with torch.no_grad():
        size = _root_mean_square(torch.cat([layers(states) for layers, _ in phi.parts()], -1))
        for layers, _ in phi.parts():
            last = [layer for layer in layers.modules() if isinstance(layer, nn.Linear)][-1]
            last.weight.div_(size)
            last.bias.div_(size)


def _root_mean_square(columns: Tensor) -> Tensor:
    """() over the entries of (T, K), each column's mean taken out; columns of zeros, beyond the rank, do not count."""
    live = columns.abs().amax(0) > 0
    away = (columns - columns.mean(0))[:, live]
    return (away.square().mean() if away.numel() else columns.new_zeros(())).sqrt().clamp(min=1e-12)


@torch.no_grad()
def _solve(layer: nn.Module, states: Tensor, target: Tensor) -> None:
    """Ridge regression in closed form: (T, H) to (T, K)."""
    assert isinstance(layer, nn.Linear)
    centre, level = states.mean(0), target.mean(0)
    inputs = states - centre
    gram = inputs.T @ inputs  # (H,T)@(T,H)
    gram.diagonal().add_(RIDGE * len(states))
    layer.weight.copy_(torch.linalg.solve(gram, inputs.T @ (target - level)).T)  # (H,H),(H,K) -> (K,H)
    layer.bias.copy_(level - layer.weight @ centre)


def _descend(layers: nn.Module, states: Tensor, target: Tensor) -> None:
    """Least squares by full-batch Adam, from the layers' random start."""
    optimiser = torch.optim.AdamW(layers.parameters(), lr=REGRESSION_RATE, weight_decay=RIDGE)
    for _ in range(REGRESSION_STEPS):
        optimiser.zero_grad(set_to_none=True)
        F.mse_loss(layers(states), target).backward()
        optimiser.step()
    optimiser.zero_grad(set_to_none=True)
