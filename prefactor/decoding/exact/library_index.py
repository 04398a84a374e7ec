"""An approximate index of one user's prompts, for more of them than a matrix product should search: by usearch.

An optional dependency: ``pip install 'prefactor[search]'``.
"""

import importlib
from typing import Any

import numpy as np

from prefactor.errors import InputError

CANDIDATES = 16  # that the exact search then chooses among
GRAPH = {"connectivity": 32, "expansion_add": 40}  # a quarter of the default's time to build, and no worse at finding


class LibraryIndex:
    """Prompts of one user by the direction of their embedding: a navigable small-world graph that grows."""

    def __init__(self, width: int) -> None:
        """``width`` E of the embeddings. InputError if the library is not installed."""
        self._index = _library().Index(ndim=width, metric="cos", dtype="f32", **GRAPH)
        self._held = np.empty(0, dtype=np.int64)

    def add(self, prompts: np.ndarray, directions: np.ndarray) -> None:
        """Add prompts (n,), by number, with directions (n, E); those that are held already are left as they are."""
        new = ~np.isin(prompts, self._held)
        if new.any():  # on one thread: with several the graph depends on their timing
            self._index.add(prompts[new].astype(np.uint64), directions[new], threads=1)
            self._held = np.concatenate([self._held, prompts[new]])

    def near(self, queries: np.ndarray) -> np.ndarray:
        """Numbers (q, c) of prompts near each query (q, E), sorted by number; c = 16, or all if fewer are held."""
        matches = self._index.search(queries, min(CANDIDATES, len(self._held)), threads=1)
        keys = np.asarray(matches.keys).astype(np.int64).reshape(len(queries), -1)  # (q,c)
        count = np.asarray(getattr(matches, "counts", keys.shape[1])).reshape(-1, 1)  # a single query has no counts
        found = np.arange(keys.shape[1]) < count
        return np.sort(np.where(found, keys, keys[:, :1]), axis=1)


def _library() -> Any:
    try:
        return importlib.import_module("usearch.index")
    except ImportError as error:
        raise InputError(
            "an index of this many prompts of one user needs usearch: pip install 'prefactor[search]', or raise "
            "library_index_from to search them exactly"
        ) from error
