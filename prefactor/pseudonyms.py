"""Pseudonyms: at load, ids that lead back to a person are replaced by a keyed hash.

The same key gives the same pseudonym in every dataset and at every load; without it nobody can tell who is meant, nor
find out by trying ids. Ratings and texts stay what they are: whoever knows what a person wrote still finds them.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import duckdb
import pyarrow as pa

from prefactor.errors import InputError
from prefactor.preferences import SEPARATOR, Preferences

Kind = Literal["user", "group", "conversation"]

LEAST_CHARACTERS = 16  # of a key
HOW_TO_MAKE_ONE = 'python -c "import secrets; print(secrets.token_hex(32))"'
BYTES = 16  # of a pseudonym: two of a billion people share one with probability 1e-21

PAIR_ID = """
SELECT substr(sha256(user_id || chr(31) || chosen || chr(31) || rejected), 1, 32) AS pair_id FROM named
"""


@dataclass(frozen=True)
class Pseudonyms:
    """Pseudonyms under one ``key``, which is never shown."""

    key: bytes = field(repr=False)

    @classmethod
    def from_variable(cls, variable: str) -> Self:
        """Those of the key in an environment variable. Raises InputError if it is unset or too short."""
        key = os.environ.get(variable, "")
        if len(key) < LEAST_CHARACTERS:
            state = f"has fewer than {LEAST_CHARACTERS} characters" if key else "is not set"
            raise InputError(
                f"the key of pseudonyms is read from the environment variable {variable}, which {state}: make a key "
                f"with `{HOW_TO_MAKE_ONE}`, keep it where the data are not, and set the variable to it"
            )
        return cls(key.encode())

    def of(self, name: str, kind: Kind = "user") -> str:
        """32 hex digits for an id; another ``kind`` of id that reads the same has another pseudonym."""
        message = f"prefactor {kind}{SEPARATOR}{name}".encode()
        return hmac.new(self.key, message, hashlib.sha256).digest()[:BYTES].hex()

    def applied(self, preferences: Preferences) -> Preferences:
        """The same preferences of people under pseudonyms; rows keep their order, texts and numbers their values.

        Groups and conversations have pseudonyms too: published ids of theirs would lead back to a person.
        """
        pairs = self._instead(self._instead(preferences.pairs, "user"), "group")
        return replace(
            preferences,
            pairs=_set(pairs, "pair_id", _pair_ids(pairs)),
            users=self._instead(preferences.users, "user"),
            candidates=_if_any(preferences.candidates, lambda table: self._instead(table, "group")),
            prompts=_if_any(preferences.prompts, lambda table: self._instead(table, "conversation")),
            source=self._in_source(preferences.source),
        )

    def _instead(self, table: pa.Table, kind: Kind) -> pa.Table:
        """``table`` with pseudonyms in its column of such ids, each made once."""
        encoded = table[f"{kind}_id"].combine_chunks().dictionary_encode()
        made = pa.array([self.of(name, kind) for name in encoded.dictionary.to_pylist()], pa.string())
        return _set(table, f"{kind}_id", made.take(encoded.indices))

    def _in_source(self, source: Mapping[str, Any]) -> dict[str, Any]:
        made = {**source, "pseudonyms": True}
        if "context_of" in source:
            made["context_of"] = {self.of(name, "group"): context for name, context in source["context_of"].items()}
        return made


def _if_any(table: pa.Table | None, change: Callable[[pa.Table], pa.Table]) -> pa.Table | None:
    return None if table is None else change(table)


def _set(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def _pair_ids(pairs: pa.Table) -> pa.ChunkedArray:
    """(N,) content ids of (user, chosen, rejected), as `content_id` makes them."""
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        connection.register("named", pairs.select(["user_id", "chosen", "rejected"]))
        return connection.sql(PAIR_ID).to_arrow_table()["pair_id"]
