"""What people choose: for each of a user's prompts, the best against the worst response by the user's own score."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from prefactor.datasets.choices import DECIMALS, Choices, Names
from prefactor.datasets.stylebench.parameters import StylebenchParameters
from prefactor.datasets.stylebench.pool import Pool
from prefactor.datasets.stylebench.population import Population
from prefactor.datasets.stylebench.topics import CONTEXTS
from prefactor.preferences import PAIRS
from prefactor.progress import progress
from prefactor.seeds import mixed_seed

CELLS_AT_ONCE = 2**21  # (user, response) scores in memory together: 16 MiB


def make_pairs(
    parameters: StylebenchParameters, pool: Pool, people: Population, text_ids: pa.ChunkedArray
) -> tuple[pa.Table, dict[str, int]]:
    """The table ``pairs``, and what was dropped: prompts whose responses a user finds equally good.

    The margin is the user's score of the chosen response minus that of the rejected one: negative where the
    label was flipped. Memory beside the table itself is bounded, whatever the number of users.
    """
    batches, equal = [], 0
    responses = pool.scores.shape[1]
    names = Names(pa.array(people.user_ids), pa.array(pool.group_ids()), text_ids.combine_chunks(), responses)
    with progress("stylebench", len(people.user_ids), "users") as shown:
        for choices, users in _choose(parameters, pool, people):
            differs = choices.margin != 0
            equal += int((~differs).sum())
            batches.append(names.rows(choices.select(differs)))
            shown.advance(users)
    return pa.Table.from_batches(batches, PAIRS), {"no preference": equal} if equal else {}


def _choose(parameters: StylebenchParameters, pool: Pool, people: Population) -> Iterator[tuple[Choices, int]]:
    """Choices of some users at a time. Random streams run over users in order, so chunks leave no trace."""
    prompts, responses = pool.scores.shape[:2]
    chunk = max(1, CELLS_AT_ONCE // (prompts * responses))
    streams = {
        purpose: np.random.default_rng(mixed_seed(parameters.seed, "stylebench", purpose))
        for purpose in ("whose prompts", "which taste", "flips")
    }
    for start in range(0, len(people.user_ids), chunk):
        users = slice(start, min(start + chunk, len(people.user_ids)))
        size = (users.stop - start, parameters.pairs_per_user)
        order = np.argsort(streams["whose prompts"].random((size[0], prompts)), axis=1)[:, : size[1]]
        taste = streams["which taste"].integers(2, size=size)
        flipped = streams["flips"].random(size) < people.flip_rate[users, None]
        yield _extremes(pool, people, users, order, taste, flipped), size[0]


def _extremes(
    pool: Pool, people: Population, users: slice, order: np.ndarray, taste: np.ndarray, flipped: np.ndarray
) -> Choices:
    """What u users choose on the prompts of ``order`` (u, n); ``taste`` and ``flipped`` are (u, n) too."""
    best, worst, margin = _ranked(pool, people, users)  # (tastes, u, P)
    row = np.arange(order.shape[0])[:, None]
    cell = (taste if len(best) > 1 else np.zeros_like(taste), row, order)
    chosen = np.where(flipped, worst[cell], best[cell])
    rejected = np.where(flipped, best[cell], worst[cell])
    signed = np.where(flipped, -margin[cell], margin[cell])
    user = np.broadcast_to(users.start + row, order.shape)
    return Choices(user.ravel(), order.ravel(), chosen.ravel(), rejected.ravel(), signed.ravel())


def _ranked(pool: Pool, people: Population, users: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best and worst response and their score difference, each (tastes, u, P)."""
    tastes = 2 if people.two[users].any() else 1
    shape = (tastes, users.stop - users.start, len(pool.prompts))
    best, worst, margin = np.empty(shape, np.int32), np.empty(shape, np.int32), np.empty(shape)
    where = pool.contexts()
    for taste in range(tastes):
        for context in range(len(CONTEXTS)):
            inside = np.flatnonzero(where == context)
            utility = people.utility(users, taste, context)
            scores = np.round(np.einsum("us,prs->upr", utility, pool.scores[inside], optimize=True), DECIMALS)
            best[taste][:, inside] = scores.argmax(axis=2)
            worst[taste][:, inside] = scores.argmin(axis=2)
            margin[taste][:, inside] = scores.max(axis=2, initial=-np.inf) - scores.min(axis=2, initial=np.inf)
    return best, worst, margin
