"""Where PReF's basis starts: the singular value decomposition of who preferred what (Shenfeld et al. 2025).

Their matrix has one row per user and one column per pair, shared by many users. Where users judge pairs of their own,
its columns have one entry each and nothing to decompose; so here Y[u, t] counts how often user u preferred response t
minus how often they rejected it, which is their matrix times each pair's +1 and -1 on its responses. Y is sparse and
never formed: its products with thin matrices are sums over pairs.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prefactor.methods.basis import Basis
from prefactor.preferences import PairBatch
from prefactor.segments import segment_sum

OVERSAMPLED = 8  # directions beyond those wanted, for accuracy (Halko, Martinsson and Tropp 2011, section 4.2)
ITERATIONS = 12
RIDGE = 0.1  # penalty on the projection's weights, relative to the states' variance of 1
REGRESSION_STEPS = 200
REGRESSION_RATE = 0.01


def leading_directions(known: PairBatch, directions: int, common: bool, generator: torch.Generator) -> Tensor:
    """(T, K) leading right singular vectors of Y times the square roots of their singular values.

    ``common`` takes the mean user out of Y first, and adds it as one more column.
    """
    responses, device = len(known.responses), known.chosen.device
    average = _times_transpose(known, torch.ones(known.n_users, 1, device=device)) / known.n_users  # (T,1)

    def products(thin: Tensor) -> Tensor:
        image = _times(known, thin)  # (T,q) -> (U,q)
        return image - average.T @ thin if common else image

    def back(thin: Tensor) -> Tensor:
        image = _times_transpose(known, thin)  # (U,q) -> (T,q)
        return image - average @ thin.sum(0, keepdim=True) if common else image

    width = min(directions + OVERSAMPLED, responses, known.n_users)
    frame = torch.randn(responses, width, generator=generator, device=device)
    for _ in range(ITERATIONS):
        frame = torch.linalg.qr(back(products(torch.linalg.qr(frame).Q))).Q
    _, values, turn = torch.linalg.svd(products(frame), full_matrices=False)
    found = frame @ turn.mT * values.sqrt()  # (T,q)@(q,q)
    found = F.pad(found, (0, max(directions - width, 0)))[:, :directions]  # zeros beyond the rank
    return torch.cat([found, average], -1) if common else found


def _times(known: PairBatch, thin: Tensor) -> Tensor:
    """Y thin: (T, q) to (U, q)."""
    return segment_sum(thin[known.chosen] - thin[known.rejected], known.segment, known.n_users)


def _times_transpose(known: PairBatch, thin: Tensor) -> Tensor:
    """Y' thin: (U, q) to (T, q)."""
    mine, responses = thin[known.segment], len(known.responses)
    return segment_sum(mine, known.chosen, responses) - segment_sum(mine, known.rejected, responses)


def project_onto_states(phi: Basis, states: Tensor, directions: Tensor) -> None:
    """Fit phi to ``directions`` (T, K) at standardised ``states`` (T, H), then scale it to a mean square of 1.

    The scale of rewards is lambda's business, and a prior on lambda means something only where phi has a known scale.
    """
    target = directions / _root_mean_square(directions)
    if isinstance(phi.layers, nn.Linear):
        _solve(phi.layers, states, target)
    else:
        _descend(phi.layers, states, target)
    last = [layer for layer in phi.modules() if isinstance(layer, nn.Linear)][-1]
    with torch.no_grad():
        size = _root_mean_square(phi.layers(states))
        last.weight.div_(size)
        last.bias.div_(size)


def _root_mean_square(columns: Tensor) -> Tensor:
    """() over all entries of (T, K), each column's mean taken out."""
    return (columns - columns.mean(0)).square().mean().sqrt().clamp(min=1e-12)


@torch.no_grad()
def _solve(layer: nn.Linear, states: Tensor, target: Tensor) -> None:
    """Ridge regression in closed form: (T, H) to (T, K)."""
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
