"""Token sequences as a forest: what several texts begin with is in it once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

FEWEST_SHARED = 16  # tokens: a shorter beginning in common, such as a template's first words, is not worth a cut
WHOLE = 1.5  # times a batch's tokens: a family of texts as large as that is still not torn apart

Ids = Sequence[np.ndarray]  # token ids of texts, (L,) int64 each


@dataclass(frozen=True)
class Forest:
    """N texts over T tokens, of which texts that begin alike share the first ones.

    ids       (T,) int64 token ids
    position  (T,) int64 place of a token in its texts, from 0
    paths     N arrays (L,): the rows of a text's tokens, in reading order
    shared    (N,) int64: how many of a text's tokens, its first ones, an earlier text brought along
    """

    ids: np.ndarray
    position: np.ndarray
    paths: list[np.ndarray]
    shared: np.ndarray

    @classmethod
    def of(cls, texts: Ids, shared: np.ndarray) -> "Forest":
        """From texts of which each begins with the first ``shared`` (N,) tokens of the one before it.

        In the order of ``prefix_order`` that is a tree: the text before is the one that it has most in common with.
        """
        paths: list[np.ndarray] = []
        size = 0
        for text, start in zip(texts, shared.tolist(), strict=True):
            new = np.arange(size, size + len(text) - start)
            paths.append(np.concatenate([paths[-1][:start], new]) if start else new)
            size += len(new)
        parts = list(zip(texts, shared.tolist(), strict=True))
        ids = np.concatenate([text[start:] for text, start in parts]).astype(np.int64)
        position = np.concatenate([np.arange(start, len(text)) for text, start in parts])
        return cls(ids, position, paths, shared)

    @classmethod
    def plain(cls, texts: Ids) -> "Forest":
        """Texts end to end, sharing nothing."""
        return cls.of(texts, np.zeros(len(texts), dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ids)


def prefix_order(texts: Ids) -> tuple[np.ndarray, np.ndarray]:
    """The texts' order by their tokens (N,), and how many first tokens each has in common with the one before it."""
    keys = [np.asarray(text, dtype=">u4").tobytes() for text in texts]  # compare as their tokens do
    order = np.array(sorted(range(len(texts)), key=keys.__getitem__), dtype=np.int64)
    common = [_common(texts[before], texts[after]) for before, after in pairwise(order)]
    return order, np.array([0, *common][: len(order)], dtype=np.int64)


def _common(first: np.ndarray, second: np.ndarray) -> int:
    """Tokens that two texts begin with, or 0 for too few to be worth sharing."""
    size = min(len(first), len(second))
    differ = np.flatnonzero(first[:size] != second[:size])
    common = int(differ[0]) if len(differ) else size
    return common if common >= FEWEST_SHARED else 0


def packed_batches(texts: Ids, tokens_per_batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows (n,) of some texts, and what each shares with the one before it: ready for ``Forest.of``.

    Batches of about ``tokens_per_batch`` unique tokens, at least one text each. Families, texts that begin alike, stay
    together; a larger one is torn, and what its parts share is computed for each. Families with the longest text come
    first: texts of a batch are of similar length, and one that is too large for the memory fails at once.
    """
    rows: list[np.ndarray] = []
    shares: list[np.ndarray] = []
    size = 0
    for family, shared in _families(texts, tokens_per_batch):
        new = _unique_tokens(texts, family, shared)
        if rows and size + new > tokens_per_batch:
            yield np.concatenate(rows), np.concatenate(shares)
            rows, shares, size = [], [], 0
        rows.append(family)
        shares.append(shared)
        size += new
    if rows:
        yield np.concatenate(rows), np.concatenate(shares)


def _families(texts: Ids, tokens_per_batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    order, common = prefix_order(texts)
    starts = np.flatnonzero(common == 0)
    families = list(zip(np.split(order, starts[1:]), np.split(common, starts[1:]), strict=True)) if len(order) else []
    families.sort(key=lambda family: -max(len(texts[row]) for row in family[0]))
    for family, shared in families:
        yield from _torn(texts, family, shared, tokens_per_batch)


def _torn(
    texts: Ids, family: np.ndarray, shared: np.ndarray, tokens_per_batch: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The family, or parts of it that fit a batch."""
    if _unique_tokens(texts, family, shared) <= WHOLE * tokens_per_batch:
        yield family, shared
        return
    start, size = 0, 0
    for place, row in enumerate(family):
        new = len(texts[row]) - int(shared[place])
        if place > start and size + new > tokens_per_batch:
            yield family[start:place], _first_alone(shared[start:place])
            start, size = place, 0
        size += len(texts[row]) if place == start else new
    yield family[start:], _first_alone(shared[start:])


def _first_alone(shared: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], shared[1:]])


def _unique_tokens(texts: Ids, rows: np.ndarray, shared: np.ndarray) -> int:
    return sum(len(texts[row]) for row in rows) - int(shared.sum())
