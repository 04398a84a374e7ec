"""Does selection find the attributes that a user truly wants? Where the truth is known."""

import numpy as np

from prefactor.decoding.exact.objective import NONE


def precision(subsets: np.ndarray, segment: np.ndarray, truth: np.ndarray, k: int) -> np.ndarray:
    """Precision at k (U,): the share of the k attributes selected most often for a user that the user truly wants.

    subsets  (M, width) selected attributes, padded with -1: of a user's entries, or retrieved for their prompts
    segment  (M,) the user of each
    truth    (U, A) true weights; wanted are the k largest of a user, of those above 0

    A user for whom fewer than k were selected is judged by those; one for whom none was has NaN. Of equals the lowest
    number comes first.
    """
    count = selected(subsets, segment, *truth.shape)
    proposed, wanted = first_k(count, k), first_k(truth, k)
    hits, size = (proposed & wanted).sum(1), proposed.sum(1)
    return np.divide(hits, size, out=np.full(len(size), np.nan), where=size > 0)


def by_chance(truth: np.ndarray, k: int) -> np.ndarray:
    """(U,) the precision to expect of attributes drawn at random, for true weights (U, A)."""
    return first_k(truth, k).mean(1)


def selected(subsets: np.ndarray, segment: np.ndarray, users: int, attributes: int) -> np.ndarray:
    """(U, A) how often each attribute is in a user's subsets, (M, width) and (M,)."""
    cell = (segment[:, None] * attributes + subsets)[subsets != NONE]
    return np.bincount(cell, minlength=users * attributes).reshape(users, attributes)


def first_k(values: np.ndarray, k: int) -> np.ndarray:
    """(U, A) True at each row's ``k`` largest values above 0; of equals the lowest number comes first."""
    rank = np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1)
    return (rank < k) & (values > 0)
