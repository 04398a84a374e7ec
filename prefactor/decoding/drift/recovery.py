"""Were the true attributes found? Precision at k, where it is known what users want."""

from torch import Tensor

from prefactor.decoding.drift.weights import largest


def precision_at(weights: Tensor, truth: Tensor, k: int) -> Tensor:
    """(U,) the share of k that are among the user's true attributes, in [0, 1].

    Named are the k largest of ``weights`` (U, A), true the k largest of ``truth`` (U, A); both only if positive, of
    true ones that tie for the last place all. A user of whom nothing is known names none: 0.
    """
    return (_named(weights, k) & true_attributes(truth, k)).sum(-1) / k


def chance_at(truth: Tensor, k: int) -> Tensor:
    """(U,) what :func:`precision_at` is on average for k attributes named at random."""
    return true_attributes(truth, k).sum(-1) * min(k, truth.shape[1]) / (k * truth.shape[1])


def true_attributes(truth: Tensor, k: int) -> Tensor:
    """(U, A) True at the k largest of ``truth`` that are positive, and at those that tie with the last of them."""
    least = truth.topk(min(k, truth.shape[1]), dim=-1).values[:, -1:]
    return (truth >= least) & (truth > 0)


def _named(weights: Tensor, k: int) -> Tensor:
    """(U, A) True at the k largest that are positive; of equals the first."""
    return largest(weights.clamp(min=0), k) & (weights > 0)
