"""A suite: a table, the expectations it has to meet, and the rules between tables, which DuckDB looks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    from great_expectations.expectations.expectation import Expectation


@dataclass(frozen=True)
class Rule:
    """A rule between tables: no row may come out of ``query``, which selects what violates it."""

    name: str
    meaning: str
    query: str
    fix: str


@dataclass(frozen=True)
class Suite:
    """Expectations of one table.

    The table is what ``query`` selects. Where there are ``rules`` instead, it is the union of the rows that violate
    them, with the rule's name in the column ``rule``.

    ``stages`` are lists of expectations in order; a stage is looked at only if all before it are met, because the
    length of a column means nothing where the column is missing. The last stage is about values, those before it
    are the table's schema. ``shown``: its page shows the table itself, which is small and has nobody's words in it.
    """

    name: str
    meaning: str
    stages: tuple[tuple[Expectation, ...], ...]
    query: str = ""
    rules: tuple[Rule, ...] = ()
    shown: bool = False
    head: str = ""

    def parts(self) -> list[Suite]:
        """The suites of one table each that it consists of, to be looked at in order: two where it has a ``head``."""
        if not self.head:
            return [self]
        schema = replace(self, stages=(*self.stages[:-1], ()), query=self.head, head="")
        return [schema, replace(self, stages=self.stages[-1:], head="")]

    def table(self, connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
        """The rows that the expectations look at."""
        return violations(self.rules, connection) if self.rules else select(self.query, connection)


def violations(rules: tuple[Rule, ...], connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """All rows that violate a rule, in an order of their own; empty if there are none."""
    import pandas as pd

    found = []
    for rule in rules:
        rows = select(f"SELECT * FROM ({rule.query}) ORDER BY ALL", connection)
        if len(rows):
            found.append(rows.assign(rule=rule.name))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame({"rule": pd.Series(dtype="str")})


def select(query: str, connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """What a query selects, by way of Arrow: several times faster for strings, and integers stay so with nulls."""
    import pandas as pd
    import pyarrow as pa

    integers = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype()}
    return connection.sql(query).to_arrow_table().to_pandas(types_mapper=integers.get)
