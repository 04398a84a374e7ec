"""Scored candidates: what every user could be given for every query, its gold utility, and rewards' scores of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from prefactor.errors import InputError
from prefactor.evaluation.scaling.best import SIZES

KEYS = ["user", "query", "candidate"]
GOLD = "gold"
STD = "std:"  # begins columns of standard deviations, which no diagnosis needs
TRAIT = "user:"  # begins columns of what is known of a user, the same in all rows of theirs
SEED = "#"  # parts a model's name from its training seed's
ORACLE, RANDOM = "oracle", "random"  # choices that are shown beside all models: the best by gold, and any

MOST_SETS = 0.9  # are to have as many candidates as the largest N asks for


@dataclass(frozen=True)
class Block:
    """S sets of M candidates each; a set is what one user could be given for one query.

    user, query  (S,) numbers of the set's user and query
    candidate    (S, M) numbers of candidates
    gold         (S, M) gold utility
    scores       (R, S, M) by model, one for each of its R training seeds
    """

    user: np.ndarray
    query: np.ndarray
    candidate: np.ndarray
    gold: np.ndarray
    scores: Mapping[str, np.ndarray]

    def only(self, sets: np.ndarray) -> "Block":
        """Some sets, by number or mask (S,)."""
        scores = {model: score[:, sets] for model, score in self.scores.items()}
        return Block(self.user[sets], self.query[sets], self.candidate[sets], self.gold[sets], scores)

    def kept(self, mask: np.ndarray) -> "list[Block]":
        """The candidates that ``mask`` (S, M) marks, sets of equal size together; a set of fewer than two goes."""
        count = mask.sum(1)
        return [self._kept(mask, count == size, int(size)) for size in np.unique(count) if size > 1]

    def _kept(self, mask: np.ndarray, sets: np.ndarray, size: int) -> "Block":
        mine, mask = self.only(sets), mask[sets]
        scores = {model: score[:, mask].reshape(len(score), -1, size) for model, score in mine.scores.items()}
        candidate, gold = (values[mask].reshape(-1, size) for values in (mine.candidate, mine.gold))
        return replace(mine, candidate=candidate, gold=gold, scores=scores)


@dataclass(frozen=True)
class Pool:
    """Sets of candidates, those of equal size together; users, queries and candidates by their names' places.

    ``traits`` (U,) by name: what is known of users beside. ``small``: how many sets were left out for their size.
    """

    user_ids: tuple[str, ...]
    query_ids: tuple[str, ...]
    candidate_ids: tuple[str, ...]
    blocks: tuple[Block, ...]
    traits: Mapping[str, np.ndarray]
    small: int = 0

    @property
    def models(self) -> tuple[str, ...]:
        """Whose scores there are."""
        return tuple(self.blocks[0].scores)

    def traits_of(self, model: str) -> dict[str, np.ndarray]:
        """(U,) by name, of one model: all that are called ``<model>:<name>``, and those that are no other model's."""
        others = [f"{name}:" for name in self.models if name != model]
        own = {name: trait for name, trait in self.traits.items() if not name.startswith(tuple(others))}
        return {name.removeprefix(f"{model}:"): trait for name, trait in own.items()}

    @property
    def least(self) -> int:
        """Candidates of the smallest set."""
        return min(block.gold.shape[1] for block in self.blocks)

    @property
    def sets(self) -> int:
        """How many sets there are."""
        return sum(len(block.user) for block in self.blocks)

    def without_candidates(self, numbers: np.ndarray) -> "Pool":
        """The pool less some candidates; a set that it would leave with fewer than two goes too."""
        gone = np.zeros(len(self.candidate_ids), dtype=bool)
        gone[numbers] = True
        return replace(self, blocks=tuple(part for block in self.blocks for part in block.kept(~gone[block.candidate])))


def read_pool(table: pd.DataFrame, sizes: Sequence[int] = SIZES) -> Pool:
    """A table with the columns ``user``, ``query``, ``candidate``, ``gold``, and scores, to a pool.

    A score's column is named by its model, or ``<model>#<seed>`` where several training seeds scored. Columns that
    begin with ``std:`` are left out, those with ``user:`` are users' traits. Sets that are too small for the N of
    ``sizes`` that nine of ten allow are left out: they would end everybody's curve at their size. Raises InputError,
    naming row (from 1) and column, for what is missing, no number, given twice, or leaves nothing to choose.
    """
    columns = _checked(table)
    user, query, candidate = (_numbered(table[key]) for key in KEYS)
    order = np.lexsort([candidate.number, query.number, user.number])
    size = _sizes(user.number[order], query.number[order], candidate.number[order], order)
    least = _most_allow(size, sizes)
    if (size < least).any():
        left = read_pool(table.iloc[np.sort(order[size >= least])], sizes)
        return replace(left, small=round((1 / size[size < least]).sum()))
    blocks = [
        _block(table, columns, (user, query, candidate), order[size == count], count) for count in np.unique(size)
    ]
    return Pool(user.names, query.names, candidate.names, tuple(blocks), _traits(table, user))


@dataclass(frozen=True)
class _Named:
    """Names, sorted, and which of them each row has."""

    names: tuple[str, ...]
    number: np.ndarray


def _numbered(column: pd.Series) -> _Named:
    number, names = pd.factorize(column.astype(str), sort=True)
    return _Named(tuple(names), number)


def score_columns(table: pd.DataFrame) -> dict[str, list[str]]:
    """The columns of scores by model, in the table's order."""
    found: dict[str, list[str]] = {}
    for name in map(str, table.columns):
        if name not in (*KEYS, GOLD) and not name.startswith((STD, TRAIT)):
            found.setdefault(name.split(SEED)[0], []).append(name)
    return found


def _checked(table: pd.DataFrame) -> dict[str, list[str]]:
    """The columns of scores by model, once everything about the table but its sets is in order."""
    for name in (*KEYS, GOLD):
        if name not in table:
            raise InputError(f"the table of candidates has no column {name!r}: it has {[*map(str, table.columns)]}")
    if not len(table):
        raise InputError("the table of candidates is empty: a diagnosis needs users, queries and candidates")
    columns = score_columns(table)
    if not columns:
        raise InputError("the table of candidates has no scores: add a column of numbers for each model")
    if "" in columns:
        raise InputError(f"column {columns[''][0]!r} names no model before its {SEED}: write <model>{SEED}<seed>")
    for name in (name for name in (ORACLE, RANDOM) if name in columns):
        raise InputError(f"column {name!r}: the name stands for a choice that is shown beside all models; rename it")
    for key in KEYS:
        if (unnamed := table[key].isna() | (table[key].astype(str) == "")).any():
            raise InputError(f"row {_first(unnamed)}, column {key}: no value; name every {key}")
    for name in (GOLD, *(name for names in columns.values() for name in names)):
        _check_numbers(table[name], name)
    return columns


def _check_numbers(column: pd.Series, name: str) -> None:
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        wrong = pd.to_numeric(column, errors="coerce").isna()
        where = f"row {_first(wrong)}: {column[wrong].iloc[0]!r}" if wrong.any() else f"all rows: {column.dtype}"
        raise InputError(f"column {name}, {where} is no number: scores and gold utilities are numbers")
    if (wrong := ~np.isfinite(column.to_numpy(np.float64, na_value=np.nan))).any():
        value = column[wrong].iloc[0]
        raise InputError(
            f"row {_first(wrong)}, column {name}: {value} cannot be ranked; leave the row out, or score it"
        )


def _first(wrong: "pd.Series | np.ndarray") -> int:
    return int(np.argmax(np.asarray(wrong))) + 1


def _sizes(user: np.ndarray, query: np.ndarray, candidate: np.ndarray, order: np.ndarray) -> np.ndarray:
    """How many candidates each row's set has, rows in order. InputError for a candidate given twice, or alone."""
    new = np.ones(len(user), dtype=bool)
    new[1:] = (user[1:] != user[:-1]) | (query[1:] != query[:-1])
    twice = ~new[1:] & (candidate[1:] == candidate[:-1])
    if twice.any():
        place = int(np.argmax(twice))
        rows = sorted(order[place : place + 2] + 1)
        raise InputError(f"rows {rows[0]} and {rows[1]} are the same candidate of the same user and query: keep one")
    size = np.diff(np.append(np.flatnonzero(new), len(user)))
    if (size < 2).any():
        row = order[np.flatnonzero(new)[np.argmax(size < 2)]] + 1
        raise InputError(
            f"row {row} is its user's and query's only candidate: there is nothing to choose; leave it out"
        )
    return np.repeat(size, size)


def _most_allow(size: np.ndarray, sizes: Sequence[int]) -> int:
    """The largest N that MOST_SETS of the sets allow, from the size (N,) of each row's set; 1 where none is asked."""
    weight = 1 / size  # each set counts once
    return max((n for n in sizes if weight[size >= n].sum() >= MOST_SETS * weight.sum()), default=1)


def _block(
    table: pd.DataFrame, columns: Mapping[str, Sequence[str]], keys: tuple[_Named, ...], rows: np.ndarray, size: int
) -> Block:
    def wide(values: np.ndarray) -> np.ndarray:
        return values[rows].reshape(-1, size)

    user, query, candidate = (wide(key.number) for key in keys)
    scores = {
        model: np.stack([wide(table[name].to_numpy(np.float64)) for name in names]) for model, names in columns.items()
    }
    return Block(user[:, 0], query[:, 0], candidate, wide(table[GOLD].to_numpy(np.float64)), scores)


def _traits(table: pd.DataFrame, user: _Named) -> dict[str, np.ndarray]:
    """(U,) by name. InputError for one that differs between a user's rows."""
    found = {}
    for name in (name for name in map(str, table.columns) if name.startswith(TRAIT)):
        _check_numbers(table[name], name)
        values = table[name].to_numpy(np.float64)
        own = np.zeros(len(user.names))
        own[user.number[::-1]] = values[::-1]  # of several the first
        if (differs := values != own[user.number]).any():
            raise InputError(f"row {_first(differs)}, column {name}: another value than in the user's other rows")
        found[name.removeprefix(TRAIT)] = own
    return found
