"""A part's pairs as whoever adapts takes them: batches of whole users, their texts on a shelf."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch

from prefactor.adaptation.pairs import UserPairs
from prefactor.adaptation.parts import Part, run_starts, texts_of
from prefactor.adaptation.shelf import Shelf
from prefactor.adaptation.source import CHOSEN, REJECTED, USER, Place, Source
from prefactor.errors import InputError

Piece = tuple[Place, pa.Table]  # some rows, and where they are from


@dataclass(frozen=True)
class Batch:
    """Some users: their ids (U,), their pairs, and the shelf that the pairs' texts are on."""

    user_ids: pa.Array
    pairs: UserPairs
    shelf: Shelf


def read_batches(source: Source, part: Part, rows: int, shelf: Callable[[int], Shelf]) -> Iterator[Batch]:
    """The part's users, about ``rows`` pairs at a time, or one user's; ``shelf`` gives one for so many texts."""
    pieces: list[Piece] = []
    for piece in source.batches(part.first, part.last, rows):
        pieces.append(piece)
        if sum(len(table) for _, table in pieces) >= rows:
            users = _users(pieces)
            if len(users) > 1:  # the last one may go on
                yield _batch(_before(pieces, int(users[-1])), users, shelf)
                pieces = _after(pieces, int(users[-1]))
    if pieces:
        yield _batch(pieces, np.append(_users(pieces), sum(len(table) for _, table in pieces)), shelf)


def _users(pieces: Sequence[Piece]) -> np.ndarray:
    """Rows where a user begins."""
    return run_starts(texts_of(_joined(pieces)[USER]), pieces[0][0])


def _batch(pieces: Sequence[Piece], start: np.ndarray, shelf: Callable[[int], Shelf]) -> Batch:
    """Users that begin at all of ``start`` but its last, where the last one ends."""
    table = _joined(pieces)
    chosen, rejected = (_Texts.of(table[name]) for name in (CHOSEN, REJECTED))
    own = shelf(len(chosen.used) + len(rejected.used))
    plus, minus = _rows(own, chosen, pieces), _rows(own, rejected, pieces)
    if (same := np.flatnonzero(plus == minus)).size:
        raise InputError(f"{_where(pieces, int(same[0]))}: chosen and rejected are the same text: drop the row")
    sides = torch.from_numpy(np.stack([2 * plus, 2 * minus + 1], 1))
    user_ids = texts_of(table[USER]).take(pa.array(start[:-1]))
    return Batch(user_ids, UserPairs(sides, torch.from_numpy(start)), own)


@dataclass(frozen=True)
class _Texts:
    """Texts' ids as a dictionary: which of it each row holds (N,), and which are ``used`` at all (u,).

    A row group's dictionary is that of all its rows, of which a batch may hold few.
    """

    ids: pa.Array
    rows: np.ndarray
    used: np.ndarray

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> "_Texts":
        whole = column.combine_chunks()
        whole = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
        whole = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
        rows = whole.indices.to_numpy()
        is_used = np.zeros(len(whole.dictionary), bool)
        is_used[rows] = True
        return cls(whole.dictionary, rows, np.flatnonzero(is_used))


def _rows(shelf: Shelf, texts: _Texts, pieces: Sequence[Piece]) -> np.ndarray:
    """(N,) int32 the texts' places on the shelf."""
    places = np.zeros(len(texts.ids), np.int32)
    try:
        places[texts.used] = shelf.rows(texts.ids.take(pa.array(texts.used)).to_pylist())
    except InputError as error:
        raise InputError(f"{pieces[0][0].path}: {error}") from error
    return places[texts.rows]


def _joined(pieces: Sequence[Piece]) -> pa.Table:
    if len(pieces) == 1:
        return pieces[0][1]
    return pa.concat_tables([table for _, table in pieces]).unify_dictionaries().combine_chunks()


def _before(pieces: Sequence[Piece], row: int) -> list[Piece]:
    found = []
    for place, table in pieces:
        found.append((place, table.slice(0, row)))
        row = max(row - len(table), 0)
    return [piece for piece in found if len(piece[1])]


def _after(pieces: Sequence[Piece], row: int) -> list[Piece]:
    found = []
    for place, table in pieces:
        found.append((place.later(min(row, len(table))), table.slice(row)))
        row = max(row - len(table), 0)
    return [piece for piece in found if len(piece[1])]


def _where(pieces: Sequence[Piece], row: int) -> Place:
    place, _ = _after(pieces, row)[0]
    return place
