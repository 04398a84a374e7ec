"""The alternative to Drift's closed form: a ridge logistic regression per user, all users at once."""

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.decoding.drift.rewards import PairRewards
from prefactor.methods.logistic import Observed, fit_weights, likelihood_expansion

USERS_PER_CHUNK = 4_096  # bounds the (U, A, A) curvatures
# Rewards are tens of nats and weakly shrunk, so that margins may have hundreds of logits to go, few at a step: users
# whose slope is not flat after some steps are given more.
NEWTON_STEPS = (25, 100, 400, 1_600)
FLAT = 1e-6  # of a slope, relative to the prior's pull: bounds the relative error of the weights
ROUNDING = 1e-9  # of a slope
INTERCEPT_PRECISION = 1e-3  # relative to the weights': hardly any, but no system is singular


def logistic_weights(pairs: PairRewards, shrinkage: float, absolute: bool = False) -> Tensor:
    """(U, A) weights in logits per unit of reward; 0 for users without pairs.

    The choice between two responses is sigmoid(w . (r(y+) - r(y-))), w ~ N(0, I / shrinkage). With much shrinkage w is
    the closed form's direction. ``absolute`` is Drift's Figure 5: each response by itself has label 1 if it was chosen
    and 0 if not, with probability sigmoid(w . r(y) + c).
    """
    observed = _labelled(pairs) if absolute else _compared(pairs)
    width, attributes = observed.difference.shape[1], pairs.chosen.shape[1]
    precision = torch.full((width,), shrinkage, dtype=observed.difference.dtype, device=observed.difference.device)
    precision[attributes:] *= INTERCEPT_PRECISION
    fitted = [_modes(part, precision) for part in observed.parts(USERS_PER_CHUNK)]
    return torch.cat(fitted)[:, :attributes] if fitted else precision.new_zeros(0, attributes)


def _compared(pairs: PairRewards) -> Observed:
    """N observations of A features: the pairs' differences."""
    return Observed(pairs.difference, pairs.difference.new_zeros(len(pairs.segment)), pairs.segment, pairs.users)


def _labelled(pairs: PairRewards) -> Observed:
    """2N observations of A + 1 features: a response that was not chosen is one whose opposite was."""
    rows = torch.cat([F.pad(pairs.chosen, (0, 1), value=1.0), -F.pad(pairs.rejected, (0, 1), value=1.0)])  # (2N,A+1)
    return Observed(rows, rows.new_zeros(len(rows)), pairs.segment.repeat(2), pairs.users)


def _modes(observed: Observed, precision: Tensor) -> Tensor:
    """(U, D) weights where the posterior is highest, under the prior N(0, 1 / ``precision`` (D,))."""
    weights = precision.new_zeros(observed.users, len(precision))
    steep = _steep(observed, weights, precision)
    for steps in NEWTON_STEPS:
        if not len(steep):
            break
        theirs = _of_users(observed, steep)
        weights[steep] = fit_weights(theirs, torch.zeros_like(weights[steep]), precision.diag(), steps).mean
        steep = steep[_steep(theirs, weights[steep], precision)]
    return weights


def _steep(observed: Observed, weights: Tensor, precision: Tensor) -> Tensor:
    """Numbers of the users at whose weights (U, D) the posterior is not flat."""
    pull = precision * weights  # (D,)*(U,D)
    slope = likelihood_expansion(observed, weights)[0] - pull
    return (slope.norm(dim=-1) > FLAT * pull.norm(dim=-1) + ROUNDING).nonzero().flatten()


def _of_users(observed: Observed, users: Tensor) -> Observed:
    """The observations of some users (u,), numbered from 0."""
    number = users.new_full((observed.users,), -1)
    number[users] = torch.arange(len(users), device=users.device)
    segment = number[observed.segment]
    rows = segment >= 0
    return Observed(observed.difference[rows], observed.offset[rows], segment[rows], len(users))
