"""The people of the world: who they are, what they truly want, and how that varies within one person."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from prefactor.datasets.choices import lists
from prefactor.datasets.stylebench.parameters import StylebenchParameters
from prefactor.datasets.stylebench.scorers import SCORERS
from prefactor.datasets.stylebench.topics import CONTEXTS
from prefactor.seeds import mixed_seed


@dataclass(frozen=True)
class Population:
    """U users with their true preference vectors on the simplex over S = 10 scorers.

    user_ids  U names
    first     (U, S) the taste that everyone has
    second    (U, S) the other taste of a user of two, the first one for all others
    shifted   (U, C, S) what a user wants in each of C contexts, mixed in by ``shift``
    two       (U,) has the user two tastes?
    flip_rate (U,) probability that a label of the user is reversed
    shift     share of the preference that depends on the context
    quality   (S,) vector of the factor that all share, its strength included
    """

    user_ids: list[str]
    first: np.ndarray
    second: np.ndarray
    shifted: np.ndarray
    two: np.ndarray
    flip_rate: np.ndarray
    shift: float
    quality: np.ndarray

    def utility(self, users: slice, taste: int, context: int) -> np.ndarray:
        """(u, S) the vector whose product with the scores is a user's own score, for one taste and one context."""
        weight = (self.first, self.second)[taste][users]
        return (1 - self.shift) * weight + self.shift * self.shifted[users, context] + self.quality

    def weight(self) -> np.ndarray:
        """(U, S) each user's true vector on the simplex, averaged over tastes and contexts."""
        return (1 - self.shift) * (self.first + self.second) / 2 + self.shift * self.shifted.mean(axis=1)

    def table(self) -> pa.Table:
        """The table ``users``.

        weight     the true vector on the simplex, averaged over tastes and contexts
        utility    weight plus the shared quality: its product with the scores is the user's score, on average
        tastes     1 or 2
        flip_rate  where somebody's labels are reversed
        utilities  where a user's vector is not one and the same everywhere: one for each (taste, context),
                   contexts of the first taste first
        """
        columns = {
            "user_id": pa.array(self.user_ids),
            "weight": lists(self.weight()),
            "utility": lists(self.weight() + self.quality),
            "tastes": pa.array(1 + self.two.astype(np.int32), pa.int32()),
        }
        if self.flip_rate.any():
            columns["flip_rate"] = pa.array(self.flip_rate)
        if self.shift > 0 or self.two.any():
            columns["utilities"] = self._utilities()
        return pa.table(columns)

    def _utilities(self) -> pa.ListArray:
        everyone = slice(None)
        cells = [self.utility(everyone, taste, context) for taste in (0, 1) for context in range(len(CONTEXTS))]
        stacked = np.stack(cells, axis=1)  # (U, 2 C, S)
        inner = lists(stacked.reshape(-1, stacked.shape[2]))
        return pa.ListArray.from_arrays(np.arange(0, len(inner) + 1, stacked.shape[1], dtype=np.int32), inner)


def make_population(parameters: StylebenchParameters, scores: np.ndarray) -> Population:
    """Draw the users. ``scores`` (P, R, S) scale the shared factor to a standard deviation of one.

    The first users of a larger population are those of a smaller one.
    """
    count, size = parameters.users, len(SCORERS)
    first = _dirichlet(parameters, (count, size), "taste")
    two = _stream(parameters, "who has two tastes").random(count) < parameters.mixed
    other = _dirichlet(parameters, (count, size), "second taste") if parameters.mixed else first
    shape = (count, len(CONTEXTS), size)
    shifted = _dirichlet(parameters, shape, "contexts") if parameters.topic_shift else np.broadcast_to(0.0, shape)
    shared = scores.mean(axis=2).std()
    quality = np.full(size, parameters.quality / (size * shared) if shared > 0 else 0.0)
    names = [f"user-{index:07d}" for index in range(count)]
    second = np.where(two[:, None], other, first)
    noisy = _stream(parameters, "who is noisy").random(count) < parameters.noisy
    flip_rate = np.where(noisy, parameters.flip_rate, 0.0)
    return Population(names, first, second, shifted, two, flip_rate, parameters.topic_shift, quality)


def _dirichlet(parameters: StylebenchParameters, shape: tuple[int, ...], purpose: str) -> np.ndarray:
    concentration = np.full(shape[-1], parameters.alpha)
    return _stream(parameters, purpose).dirichlet(concentration, size=shape[:-1])


def _stream(parameters: StylebenchParameters, purpose: str) -> np.random.Generator:
    return np.random.default_rng(mixed_seed(parameters.seed, "stylebench", purpose))
