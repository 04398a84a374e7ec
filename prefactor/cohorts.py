"""A split joined with cached states: the users of one role, with their pairs as tensors."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from torch import Tensor

from prefactor.errors import InputError
from prefactor.preferences import PairBatch, Responses, content_id

ROLES = ("seen", "validation", "unseen")
PARTS = ("train", "validation", "evaluation", "reference")
KNOWN_PART = {"seen": "train", "validation": "reference", "unseen": "reference"}


class StateView(Protocol):
    """What cohorts need of a cache: its float32 rows (N, width) by text id."""

    def gather(self, text_ids: Sequence[str]) -> np.ndarray: ...


@dataclass(frozen=True)
class Cohort:
    """The users of one role and all their pairs, ordered by (user, part, rank).

    ``part`` (N,) indexes PARTS; ``rank`` (N,) is a pair's place in its user's part, a fixed pseudo-random order, so
    that reference sets of different sizes are nested. ``group`` (N,) numbers the pairs' groups across all roles; None
    where they are not known.
    """

    role: str
    user_ids: tuple[str, ...]
    pairs: PairBatch
    part: Tensor
    rank: Tensor
    group: Tensor | None = None

    def __len__(self) -> int:
        return len(self.user_ids)

    def known(self, shots: int | None = None) -> PairBatch:
        """What is known of each user: training pairs of seen users, else the first ``shots`` reference pairs."""
        mask = self.part == PARTS.index(KNOWN_PART[self.role])
        return self.pairs.select(mask if shots is None else mask & (self.rank < shots))

    def to_predict(self, part: str) -> PairBatch:
        """The pairs of one part: ``validation`` while developing, ``evaluation`` for the results."""
        return self.pairs.select(self.part == PARTS.index(part))

    def first(self, users: int) -> "Cohort":
        """The cohort of the first ``users`` users; order of users is that of their ids' hash, so any prefix is fair."""
        if users >= len(self):
            return self
        return self._between(0, users)

    def only(self, user: int) -> "Cohort":
        """The cohort of one user, by its number."""
        return self._between(user, user + 1)

    def _between(self, first: int, last: int) -> "Cohort":
        mask = (self.pairs.segment >= first) & (self.pairs.segment < last)
        pairs, group = self.pairs.users_between(first, last), None if self.group is None else self.group[mask]
        return Cohort(self.role, self.user_ids[first:last], pairs, self.part[mask], self.rank[mask], group)


def load_cohorts(split: Path, states: Mapping[str, StateView]) -> dict[str, Cohort]:
    """All roles of a split; they share one table of responses, each stored once.

    ``states`` maps a view's name to whatever gathers its rows by text id, e.g. the cache of hidden states; it may be
    empty.
    """
    return _cohorts(_in_order(pq.read_table(split / "pairs.parquet")), states, ROLES)


def load_cohort(split: Path, role: str, states: Mapping[str, StateView], without: Collection[str] = ()) -> Cohort:
    """The cohort of one role with its own texts alone, ``without`` some users."""
    table = pq.read_table(split / "pairs.parquet", filters=[("role", "==", role)])
    left_out = pc.is_in(table["user_id"], value_set=pa.array(sorted(without), pa.string()))
    return _cohorts(_in_order(table.filter(pc.invert(left_out))), states, [role])[role]


def text_ids(split: Path) -> list[str]:
    """The ids of a split's texts: ``Responses.text`` says which of them a response is."""
    return _text_rows(_in_order(pq.read_table(split / "pairs.parquet")))[0]


def _cohorts(table: pa.Table, states: Mapping[str, StateView], roles: Sequence[str]) -> dict[str, Cohort]:
    text_ids, chosen, rejected = _text_rows(table)
    views = {name: torch.from_numpy(view.gather(text_ids)) for name, view in states.items()}
    responses = Responses(views, torch.arange(len(text_ids)))
    return {role: _cohort(role, table, responses, chosen, rejected) for role in roles}


def _in_order(table: pa.Table) -> pa.Table:
    """Rows by the hash of their user, then part and rank: ids may carry time or place, their hashes do not."""
    users = table["user_id"].combine_chunks().dictionary_encode()
    hashes = pa.array([content_id(user) for user in users.dictionary.to_pylist()])
    keyed = table.append_column("user_hash", hashes.take(users.indices))
    return keyed.sort_by([(name, "ascending") for name in ("user_hash", "part", "rank")])


def _text_rows(table: pa.Table) -> tuple[list[str], Tensor, Tensor]:
    """Unique text ids, and the row of each pair's chosen and rejected text among them."""
    both = pa.chunked_array([*table["chosen"].chunks, *table["rejected"].chunks]).combine_chunks()
    encoded = both.dictionary_encode()
    rows = torch.from_numpy(encoded.indices.to_numpy().astype(np.int64))
    return encoded.dictionary.to_pylist(), rows[: len(table)], rows[len(table) :]


def _cohort(role: str, table: pa.Table, responses: Responses, chosen: Tensor, rejected: Tensor) -> Cohort:
    rows = np.flatnonzero(pc.equal(table["role"], role).to_numpy())
    if not len(rows):
        raise InputError(f"the split has no {role} users: give them a share under split.users and rerun stage split")
    mine = table.take(rows)
    users = mine["user_id"].combine_chunks().dictionary_encode()
    number = torch.arange(len(users.dictionary))
    pairs = PairBatch(
        responses=responses,
        chosen=chosen[rows],
        rejected=rejected[rows],
        segment=torch.from_numpy(users.indices.to_numpy().astype(np.int64)),
        users=number if role == "seen" else torch.full_like(number, -1),
        margin=_margins(mine),
    )
    part = pc.index_in(mine["part"], pa.array(PARTS)).to_numpy().astype(np.int64)
    rank = mine["rank"].to_numpy().astype(np.int64)
    names, group = tuple(users.dictionary.to_pylist()), _groups(table)
    own = None if group is None else group[rows]
    return Cohort(role, names, pairs, torch.from_numpy(part), torch.from_numpy(rank), own)


def _margins(table: pa.Table) -> Tensor | None:
    """(N,) score differences, NaN where null; None where the table has none."""
    if "margin" not in table.column_names or table["margin"].null_count == len(table):
        return None
    return torch.from_numpy(table["margin"].to_numpy().astype(np.float32))


def _groups(table: pa.Table) -> Tensor | None:
    """(N,) number of each pair's group, the same in every role; None where the table does not say."""
    if "group_id" not in table.column_names:
        return None
    encoded = table["group_id"].combine_chunks().dictionary_encode()
    return torch.from_numpy(encoded.indices.to_numpy().astype(np.int64))
