"""By what the next question is chosen: criteria that score pairs for users, the greatest score is asked.

An answer tells of a user's weight lambda in two steps: which of the K bases it comes from, w_u, and where within it,
I(answer; lambda) = I(answer; basis) + I(answer; lambda | basis). ``information`` is the first of the two.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from prefactor.asking.answer import chance, entropy, mean_entropy, with_lapses
from prefactor.asking.belief import Margins


@dataclass(frozen=True)
class Criterion:
    """``score`` makes (U, n) of the margins of n pairs, in ``unit``; None draws at random. ``words`` are for a page."""

    words: str
    unit: str
    score: Callable[[Margins], Tensor] | None


def information(margins: Margins) -> Tensor:
    """(U, n) nats that the answer is expected to tell about w_u, which basis a user's weight comes from.

    h(sum_k w_k p_k) - sum_k w_k h(p_k), with p_k the answer's probability under basis k as the filter has it, by
    MacKay's approximation: so this is by how much the update is expected to lower the entropy of the shares. Of one
    Gaussian there is no basis to find, and it is the information about the weight.
    """
    if margins.share.shape[1] == 1:
        return weight_information(margins)
    share, wider = margins.share.unsqueeze(-1), 1 + torch.pi / 8 * margins.variance.unsqueeze(1)  # (U,K,1), (U,1,n)
    choice = with_lapses(torch.sigmoid(margins.mean * wider.rsqrt()), margins.lapse)  # (U,K,n)
    return (entropy((share * choice).sum(1)) - (share * entropy(choice)).sum(1)).clamp(min=0)


def weight_information(margins: Margins) -> Tensor:
    """(U, n) nats that the answer is expected to tell about lambda: BALD (Houlsby et al. 2011, Eq. 2).

    h(E q) - E h(q), both means over the mixture: in closed form under each Gaussian (``asking.answer``), then by share.
    """
    share, variance = margins.share.unsqueeze(-1), margins.variance.unsqueeze(1)
    expected = (share * chance(margins.mean, variance, margins.lapse)).sum(1)
    left = (share * mean_entropy(margins.mean, variance, margins.lapse)).sum(1)
    return (entropy(expected) - left).clamp(min=0)


def pooled_information(margins: Margins) -> Tensor:
    """(U, n) nats about lambda, were the mixture one Gaussian with its mean and covariance.

    That leaves out clusters: of two tastes far apart an answer tells log 2, of a Gaussian as wide much less, whose
    weight most likely lies between the two, where nobody is.
    """
    return weight_information(margins.pooled())


def laplace_information(margins: Margins) -> Tensor:
    """(U, n) nats about lambda, 1/2 log(1 + p (1 - p) v): the log determinant that the curvature of an answer adds.

    Of one Gaussian. Exact to first order in v; without the bound of log 2 that a yes or no has.
    """
    pooled = margins.pooled()
    return 0.5 * torch.log1p(_variance_of_choice(pooled) * pooled.variance)


def pref(margins: Margins) -> Tensor:
    """(U, n) squared logits, d' H^-1 d: the variance of the margin, by which PReF asks (Shenfeld et al. 2025).

    H is the Hessian of the user's penalised logistic regression; over a mixture H^-1 is the covariance of all of it. It
    asks about responses that differ much, even where the answer is nearly sure.
    """
    return margins.pooled().variance


def pref_choice(margins: Margins) -> Tensor:
    """(U, n) (p (1 - p))^2 d' H^-1 d: to first order the variance of p: what the code published with PReF asks by."""
    pooled = margins.pooled()
    return _variance_of_choice(pooled).square() * pooled.variance


def least_certain(margins: Margins) -> Tensor:
    """(U, n) logits: how near 0 the mean margin is (uncertainty sampling: Lewis and Gale 1994)."""
    return -margins.pooled().mean[:, 0].abs()


def _variance_of_choice(pooled: Margins) -> Tensor:
    """(U, n) p (1 - p) at the mean margin."""
    choice = torch.sigmoid(pooled.mean[:, 0])
    return choice * (1 - choice)


INFORMATION, RANDOM = "information", "random"
CRITERIA: dict[str, Criterion] = {
    INFORMATION: Criterion("information about w_u", "nats", information),
    "weight_information": Criterion("information about λ_u", "nats", weight_information),
    "pooled_information": Criterion("the same, one Gaussian", "nats", pooled_information),
    "laplace_information": Criterion("the same, by its curvature", "nats", laplace_information),
    "pref": Criterion("PReF: variance of the margin", "squared logits", pref),
    "pref_choice": Criterion("PReF's code: variance of the choice", "", pref_choice),
    "least_certain": Criterion("least certain", "logits", least_certain),
    RANDOM: Criterion("at random", "", None),
}
