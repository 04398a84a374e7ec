"""The data model every room shares: tables of preferences on disk, batches of pairs in memory.

Symbols, used in every formula of the code:

    U, u      users; one user                     x, y+, y-  prompt, chosen and rejected response
    C_u, D_u  reference pairs, target pairs       h          hidden state of (x, y), in R^H
    K         number of preference bases          phi(h)     basis rewards in R^K; dphi = phi(h+) - phi(h-)
    D         latent dimension                    w_u        user weight on the simplex, in R^K
    T         unique responses of a batch         r_u(x, y)  personal reward, in logits
    N         pairs of a batch

On disk there are four tables: ``texts``, ``pairs``, ``users`` and, where a source scores whole sets,
``candidates``; and ``prompts`` where prompts are conversations. In memory a :class:`PairBatch` is flat: one row per
pair, with the index of its user.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from prefactor.atomic import atomic_folder, write_json
from prefactor.errors import InputError

TEXTS = pa.schema(
    [
        pa.field("text_id", pa.string(), nullable=False),  # content hash of (prompt, response)
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("response", pa.string(), nullable=False),
    ]
)
PAIRS = pa.schema(
    [
        pa.field("pair_id", pa.string(), nullable=False),  # content hash of (user, chosen, rejected)
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("group_id", pa.string(), nullable=False),  # pairs of one prompt or interaction: never split apart
        pa.field("chosen", pa.string(), nullable=False),  # text_id
        pa.field("rejected", pa.string(), nullable=False),  # text_id
        pa.field("margin", pa.float64()),  # score difference, null if unknown
        pa.field("order", pa.int64()),  # time or turn, null if unknown
    ]
)
CANDIDATES = pa.schema(  # and one float64 column per scorer
    [
        pa.field("group_id", pa.string(), nullable=False),
        pa.field("text_id", pa.string(), nullable=False),
    ]
)
MESSAGE = pa.struct([pa.field("role", pa.string(), nullable=False), pa.field("content", pa.string(), nullable=False)])
PROMPTS = pa.schema(  # where prompts are conversations up to a turn: a tree, so that a prefix is computed once
    [
        pa.field("prompt_id", pa.string(), nullable=False),  # content hash of the prompt
        pa.field("parent", pa.string()),  # prompt_id of the prompt that this one goes on from; null if it begins
        pa.field("conversation_id", pa.string(), nullable=False),
        pa.field("turn", pa.int64(), nullable=False),  # from 0
        pa.field("messages", pa.list_(MESSAGE), nullable=False),  # what this turn adds to its parent's
    ]
)
USERS = pa.schema([pa.field("user_id", pa.string(), nullable=False)])  # and the attributes a source has

SCHEMAS = {"texts": TEXTS, "pairs": PAIRS, "users": USERS, "candidates": CANDIDATES, "prompts": PROMPTS}

SEPARATOR = "\x1f"


def content_id(*parts: str) -> str:
    """Content hash of some strings: 32 hex digits of SHA-256 over the parts joined by the unit separator.

    ``text_id = content_id(prompt, response)``; ``pair_id = content_id(user_id, chosen, rejected)``. In DuckDB:
    ``substr(sha256(a || chr(31) || b), 1, 32)``.
    """
    return hashlib.sha256(SEPARATOR.join(parts).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class TextBatches:
    """The table ``texts`` as batches that ``make`` reads anew at every call: more text than memory should hold."""

    make: Callable[[], Iterable[pa.Table]]

    def __iter__(self) -> Iterator[pa.Table]:
        return iter(self.make())

    def table(self) -> pa.Table:
        """All batches in memory."""
        return pa.concat_tables([TEXTS.empty_table(), *self])


@dataclass(frozen=True)
class Preferences:
    """Normalized tables of one dataset, and how they came about.

    ``source`` records what the tables alone do not say, as JSON: ``name`` of the source, ``empty_prompts`` (are
    they legal), ``dropped`` and ``noted`` (reason -> count), ``scorers`` (the score columns of ``candidates``),
    ``truth`` (does ``users`` carry the true preference vector in the list column ``weight``) and, where a source has
    them, ``attributes`` (the columns of ``users`` that describe people).
    """

    texts: pa.Table | TextBatches
    pairs: pa.Table
    users: pa.Table
    candidates: pa.Table | None
    source: dict[str, Any] = field(default_factory=dict)
    prompts: pa.Table | None = None

    def save(self, folder: Path | str) -> None:
        """Write all tables and source.json to ``folder``, whole or not at all, after checking the schemas."""
        named = {name: getattr(self, name) for name in ("pairs", "users", "candidates", "prompts")}
        tables = {name: _checked(name, table) for name, table in named.items() if table is not None}
        with atomic_folder(folder) as scratch:
            for name, table in tables.items():
                pq.write_table(table, scratch / f"{name}.parquet", compression="zstd")
            _write_texts(self.texts, scratch / "texts.parquet")
            write_json(scratch / "source.json", self.source)


def _write_texts(texts: pa.Table | TextBatches, path: Path) -> None:
    """One row group a batch: the whole is never in memory unless it already was."""
    if isinstance(texts, pa.Table):
        pq.write_table(_checked("texts", texts), path, compression="zstd")
        return
    with pq.ParquetWriter(path, TEXTS, compression="zstd") as writer:
        for batch in texts:
            writer.write_table(_checked("texts", batch))


def _checked(name: str, table: pa.Table) -> pa.Table:
    """``table`` with its schema's columns first and of its types; InputError if that cannot be."""
    schema = SCHEMAS[name]
    missing = [column for column in schema.names if column not in table.column_names]
    if missing:
        raise InputError(f"table {name} lacks column(s) {missing}: it has {table.column_names}")
    for expected in schema:
        if not expected.nullable and table[expected.name].null_count:
            raise InputError(f"table {name}, column {expected.name}: {table[expected.name].null_count} null value(s)")
    extra = [table.schema.field(column) for column in table.column_names if column not in schema.names]
    if extra and name in ("texts", "pairs", "prompts"):
        raise InputError(f"table {name} has unexpected column(s) {[item.name for item in extra]}")
    try:
        return table.select([*schema.names, *(item.name for item in extra)]).cast(pa.schema([*schema, *extra]))
    except pa.ArrowException as error:
        raise InputError(f"table {name} cannot take its schema ({error}): it is {table.schema.types}") from error


@dataclass(frozen=True)
class Responses:
    """T responses as named feature views; every view has one row per response.

    ``views``: name -> (T, width), e.g. ``states`` (T, H) of a backbone. ``text`` (T,) is each response's row
    in the dataset's text table.
    """

    views: Mapping[str, Tensor]
    text: Tensor

    def __len__(self) -> int:
        return self.text.shape[0]

    def __getitem__(self, rows: Tensor) -> "Responses":
        return Responses({name: view[rows] for name, view in self.views.items()}, self.text[rows])

    def to(self, device: torch.device | str) -> "Responses":
        """The same responses on another device."""
        return Responses({name: view.to(device) for name, view in self.views.items()}, self.text.to(device))


@dataclass(frozen=True)
class PairBatch:
    """N preference pairs of U users, flat: one row per pair with the index of its user.

    Responses are stored once however many pairs use them, so that phi runs once over T unique responses.

    responses    T unique responses
    chosen       (N,) row of y+ in ``responses``
    rejected     (N,) row of y- in ``responses``
    segment      (N,) index of the pair's user within this batch, in [0, U)
    users        (U,) index of each user among the seen users, -1 for one who is not: free per-user parameters
    reference    (N,) True for a pair of C_u, False for one of D_u; None where the roles do not matter
    margin       (N,) score of y+ less that of y-, in the source's unit, NaN where unknown; None where all are
    """

    responses: Responses
    chosen: Tensor
    rejected: Tensor
    segment: Tensor
    users: Tensor
    reference: Tensor | None = None
    margin: Tensor | None = None

    def __len__(self) -> int:
        return self.chosen.shape[0]

    @property
    def n_users(self) -> int:
        return self.users.shape[0]

    def select(self, mask: Tensor) -> Self:
        """The pairs where ``mask`` (N,) holds, or rows (M,); users and responses stay: indices keep their meaning."""
        return replace(
            self,
            chosen=self.chosen[mask],
            rejected=self.rejected[mask],
            segment=self.segment[mask],
            reference=None if self.reference is None else self.reference[mask],
            margin=None if self.margin is None else self.margin[mask],
        )

    def users_between(self, first: int, last: int) -> Self:
        """The pairs of users ``first`` .. ``last`` - 1, numbered from 0."""
        part = self.select((self.segment >= first) & (self.segment < last))
        return replace(part, segment=part.segment - first, users=self.users[first:last])

    def references(self) -> Self:
        """The pairs of C_u. All pairs if the batch does not tell roles apart."""
        return self if self.reference is None else self.select(self.reference)

    def targets(self) -> Self:
        """The pairs of D_u. All pairs if the batch does not tell roles apart."""
        return self if self.reference is None else self.select(~self.reference)

    def compact(self) -> Self:
        """The same pairs with only the responses that they use: less work for phi."""
        rows, inverse = torch.unique(torch.stack([self.chosen, self.rejected]), return_inverse=True)
        return replace(self, responses=self.responses[rows], chosen=inverse[0], rejected=inverse[1])

    def pairs_per_user(self) -> Tensor:
        """(U,) number of pairs of each user."""
        return torch.bincount(self.segment, minlength=self.n_users)
