"""The Gaussian likelihood of score differences: its loss, a user's posterior in closed form, and its scale in logits.

d_i = m_i / unit is a pair's score difference, and d_i ~ N(mu+ - mu-, s+^2 + s-^2). It is the Gaussian likelihood of the
two scores themselves with what they have in common, a free constant of the (user, prompt) with a flat prior, integrated
out. Pairs that share a response count as if their differences were independent.
"""

from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F

from prefactor.errors import InputError
from prefactor.methods.base import Margin
from prefactor.methods.logistic import Observed, WeightPosterior
from prefactor.preferences import PairBatch
from prefactor.segments import side_by_side

SCALES = [2 ** (step / 4) for step in range(-16, 17)]  # logits per unit, 1/16 to 16
SHARES = [2.0**-step for step in range(11)]  # of the variance, 1 to 1/1024


def known_margins(pairs: PairBatch) -> Tensor:
    """(N,) score differences of all pairs. Raises InputError where one is not known."""
    margin = pairs.margin
    missing = len(pairs) if margin is None else int(margin.isnan().sum())
    if missing:
        raise InputError(
            f"likelihood: scores needs the score difference of every pair, but {missing} of {len(pairs)} have none: "
            "give the pairs their margin (a source with scores does), or set likelihood to pairs"
        )
    return torch.empty(0, device=pairs.segment.device) if margin is None else margin


def unit_of(margin: Tensor) -> Tensor:
    """() root mean square of score differences (N,): the deviation from 0, their mean if pairs are turned round."""
    return margin.square().mean().sqrt().clamp(min=torch.finfo(margin.dtype).tiny)


def negative_log_likelihood(difference: Tensor, margin: Margin) -> Tensor:
    """(N,) in nats, up to a constant, of score differences (N,) in the unit of the margins."""
    return 0.5 * ((difference - margin.mean).square() / margin.variance + margin.variance.log())


def fit_scores(observed: Observed, difference: Tensor, variance: Tensor, prior_precision: Tensor) -> WeightPosterior:
    """Posterior of the weights of U users from score differences (N,) with known variances (N,): least squares.

    N(0, prior_precision^-1) is the prior: (D, D).
    """
    scaled = torch.cat([observed.difference, (difference - observed.offset).unsqueeze(-1)], -1)  # (N,D+1)
    scaled = scaled * variance.rsqrt().unsqueeze(-1)
    own, _ = side_by_side(scaled, observed.segment, observed.users)  # (U,n,D+1), zeros where not real
    features, target = own[..., :-1], own[..., -1:]
    precision = prior_precision + features.mT @ features  # (U,D,n)@(U,n,D)
    mean = torch.linalg.solve(precision, features.mT @ target).squeeze(-1)  # (U,D,D),(U,D,1)
    return WeightPosterior(mean, precision)


def logits_of(margin: Margin) -> tuple[float, float]:
    """Logits per unit, of SCALES, and the share of the variance, of SHARES, by which first choices are most likely.

    Of margins (N,) in units whose first response was chosen. A source that leaves close scores out, or pairs the best
    with the worst, makes choices that are surer than the scores' variance says: hence a share.
    """
    best = -torch.inf, 1.0, 1.0
    for scale, share in product(SCALES, SHARES):
        scaled = Margin(scale * margin.mean, scale**2 * share * margin.variance)
        best = max(best, (float(F.logsigmoid(scaled.attenuated()).mean()), scale, share))
    return best[1:]
