"""What a set of attributes is worth for a pair: EXACT's objective, read off an injected language model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from prefactor.errors import InputError

NONE = -1  # pads a subset of fewer than k attributes


class SubsetLikelihood(Protocol):
    """log pi(y | x, A) in nats (N,) of texts (N,), rows of the split's text table, each under its subset A.

    A subset is sorted numbers of attributes in library order, so that it has one spelling: the paper does not say in
    which order a line names them. The empty tuple is no line at all. Texts and subsets may repeat.
    """

    def __call__(self, texts: np.ndarray, subsets: Sequence[tuple[int, ...]]) -> np.ndarray: ...


@dataclass(frozen=True)
class Objective:
    """Eq. (11) over a library of ``attributes`` attributes, numbered from 0."""

    likelihood: SubsetLikelihood
    attributes: int

    def __call__(self, pairs: np.ndarray, subsets: np.ndarray) -> np.ndarray:
        """log pi(y+ | x, A) - log pi(y- | x, A), (N,) nats, in one call of the likelihood.

        pairs    (N, 2) text rows of y+ and y-
        subsets  (N, k) attributes in any order, padded with -1

        Raises InputError, naming text row and attributes, where a log-probability is not finite.
        """
        texts = np.concatenate([pairs[:, 0], pairs[:, 1]])
        asked = spelt(subsets) * 2
        values = np.asarray(self.likelihood(texts, asked), dtype=np.float64)
        if values.shape != texts.shape:
            raise InputError(f"the likelihood answered {len(texts)} texts with values of shape {values.shape}")
        for row in np.flatnonzero(~np.isfinite(values))[:1]:
            raise InputError(
                f"the log-probability of text row {texts[row]} under attributes {asked[row]} is {values[row]}: check "
                "the language model and its precision (float32 overflows less than float16)"
            )
        return values[: len(pairs)] - values[len(pairs) :]

    def without_attributes(self, pairs: np.ndarray) -> np.ndarray:
        """log pi(y+ | x) - log pi(y- | x), (N,) nats: what the anchored objective, Eq. (12), takes away."""
        return self(pairs, np.full((len(pairs), 1), NONE))

    def check_size(self, k: int) -> None:
        """InputError unless a subset of ``k`` attributes exists."""
        if not 1 <= k <= self.attributes:
            raise InputError(
                f"k = {k} attributes cannot be chosen from a library of {self.attributes}: "
                "lower k or extend the library"
            )


def spelt(subsets: np.ndarray) -> list[tuple[int, ...]]:
    """Padded subsets (N, k) as sorted tuples without the padding; equal ones are one object."""
    distinct, number = np.unique(np.sort(subsets, axis=1), axis=0, return_inverse=True)
    names = [tuple(row[row != NONE].tolist()) for row in distinct]
    return [names[index] for index in number.reshape(-1)]
