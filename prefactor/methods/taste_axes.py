"""Directions along which users' tastes spread most, whether or not any one of them stands out of chance.

Users' weights on all states are taken to be N(m, S), learnt by expectation maximisation (``methods.population``). With
S = H H', H symmetric, a user's margin over a pair that differs by d is m.d + z.(H d), z ~ N(0, I); so its variance over
users, averaged over pairs, is the trace of C = H E[d d'] H. Features w_j' H h, with w_j the leading eigenvectors of C,
keep the most of that variance that so many features can, and a user's weight on each has unit variance.

A few tastes that everyone has in some degree are found without it; it is for the many that are weak one by one and not
all together, such as what people laugh at.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.methods.logistic import Observed
from prefactor.methods.population import EMParameters, learn_population
from prefactor.methods.principal_axes import principal_axes
from prefactor.preferences import PairBatch

AXES = 256  # principal axes of the differences that weights act on; bounds the (A, A) covariance of wide states


@dataclass(frozen=True)
class Tastes:
    """Of standardised states: ``common`` (H,), m; ``features`` (F, H), those that tell tastes apart most first."""

    common: Tensor
    features: Tensor


@torch.no_grad()
def leading_tastes(known: PairBatch, states: Tensor, most: int, parameters: EMParameters) -> Tastes:
    """From seen users' pairs and standardised ``states`` (T, H); features beyond as many as there are are zero."""
    axes = principal_axes(known, states).axes[:, -AXES:]  # (H,A)
    difference = states @ axes  # (T,H)@(H,A)
    difference = difference[known.chosen] - difference[known.rejected]  # (N,A)
    nothing = difference.new_zeros(len(difference))
    population = learn_population(Observed(difference, nothing, known.segment, known.n_users), parameters)
    spread, turn = torch.linalg.eigh(population.covariance.double())
    root = (turn * spread.clamp(min=0).sqrt()) @ turn.T  # (A,A) H
    moved = difference.double() @ root  # (N,A)@(A,A)
    _, leading = torch.linalg.eigh(moved.T @ moved)  # rising
    features = (axes.double() @ root @ leading).flip(1)[:, :most].T  # (H,A)@(A,A)@(A,A) -> (F,H)
    features = torch.cat([features, features.new_zeros(most - len(features), features.shape[1])])
    return Tastes(axes @ population.mean, features.to(states))
