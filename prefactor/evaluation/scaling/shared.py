"""What users have in common, so that their figures are not independent: queries, or else candidates."""

from collections.abc import Sequence

import numpy as np

FEWEST = 3  # queries, below which no variance over them is known


def shared_by_users(user: np.ndarray, query: np.ndarray, candidate: Sequence[np.ndarray]) -> str:
    """Of S sets in blocks: ``queries``, else ``candidates``, else nothing.

    ``user`` and ``query`` (S,) are numbers, ``candidate`` (s, M) those of each block. Shared queries count where there
    are FEWEST in all: one that is left out takes its candidates along. Candidates of one name are the same only within
    a query: elsewhere a name may be no more than a number.
    """
    if len(np.unique(query)) >= FEWEST and _shared(user, query):
        return "queries"
    size = np.concatenate([np.full(len(block), block.shape[1]) for block in candidate])
    each = np.concatenate([block.ravel() for block in candidate])
    named = np.repeat(query.astype(np.int64), size) * (int(each.max()) + 1) + each
    return "candidates" if _shared(np.repeat(user, size), named) else ""


def _shared(owner: np.ndarray, thing: np.ndarray) -> bool:
    """Whether any thing goes with more than one owner, both numbers of the same length."""
    pairs = np.unique(owner.astype(np.int64) * (int(thing.max()) + 1) + thing)
    return len(pairs) > len(np.unique(thing))
