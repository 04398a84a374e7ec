"""The figures of one dataset's prepared tables, by DuckDB: tables may be larger than memory should hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from prefactor.inspection.agreement import Agreement, agreement_of
from prefactor.inspection.balance import Balance, balance_of
from prefactor.inspection.database import opened
from prefactor.quality.judgements import JUDGEMENTS
from prefactor.reading import read_object
from prefactor.reporting.distribution import Distribution, distribution_of
from prefactor.reporting.examples import CANDIDATES, Example, examples_of

MOST_TURNS = 20  # of more different values only the range is told
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
TOLD = ("name", "licence", "file", "people", "rows", "parts", "scorers", "attributes")  # of source.json

COUNTS = """
SELECT (SELECT count(*) FROM users) AS users, count(*) AS pairs, count(DISTINCT group_id) AS groups,
    (SELECT count(DISTINCT md5_number(prompt)) FROM texts WHERE prompt <> '') AS prompts,
    (SELECT count(*) FROM texts) AS texts
FROM pairs
"""
COUNTS_OF_CANDIDATES = "SELECT count(*) AS candidates, count(DISTINCT group_id) AS sets FROM candidates"
COUNTS_OF_PROMPTS = "SELECT count(DISTINCT conversation_id) AS conversations FROM prompts"

LENGTH = r"length({0}) AS characters, len(regexp_extract_all({0}, '\S+')) AS words"
LENGTHS = {
    "prompt": f"""
        SELECT {LENGTH.format("prompt")}
        FROM texts
        SEMI JOIN (SELECT min(text_id) AS text_id FROM texts WHERE prompt <> '' GROUP BY md5_number(prompt)) firsts
        USING (text_id)""",
    "response": f"SELECT {LENGTH.format('response')} FROM texts",
}

MARGINS = f"""
SELECT count(margin), avg(margin), quantile_cont(margin, {list(QUANTILES)}) FROM pairs WHERE isfinite(margin)
"""
TURNS = 'SELECT count("order"), count(DISTINCT "order"), min("order"), max("order") FROM pairs'
PAIRS_OF_TURNS = 'SELECT "order", count(*) FROM pairs WHERE "order" IS NOT NULL GROUP BY "order" ORDER BY "order"'

FIRST_PAIRS = "SELECT pair_id, chosen, rejected FROM pairs ORDER BY pair_id LIMIT {0}"
THEIR_TEXTS = (
    "SELECT * FROM texts WHERE text_id IN (SELECT chosen FROM first_pairs UNION SELECT rejected FROM first_pairs)"
)


@dataclass(frozen=True)
class Margins:
    """Score differences of the ``known`` pairs that have one; ``quantiles`` at those of ``QUANTILES``."""

    known: int
    mean: float
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Turns:
    """Times or turns of the ``known`` pairs that have one: how many different ones, the least and the most.

    ``pairs`` counts the pairs of each, where there are few.
    """

    known: int
    different: int
    least: int
    most: int
    pairs: Mapping[int, int]


@dataclass(frozen=True)
class Summary:
    """What one dataset holds.

    counts          rows of the tables, groups, prompts that are not empty; sets and conversations where there are any
    source          what its source says of itself
    dropped, noted  reason -> count: what the source left out, and kept though it stands out
    lengths         ``prompt characters``, ``prompt words``, ``response characters``, ``response words``; of prompts
                    and texts once each, words by white space
    balance         of labels: ids are hashes, so honest labels give one half
    """

    name: str
    counts: Mapping[str, int]
    source: Mapping[str, Any]
    dropped: Mapping[str, int]
    noted: Mapping[str, int]
    lengths: Mapping[str, Distribution]
    pairs_per_user: Distribution | None
    agreement: Agreement | None
    balance: Balance | None
    margins: Margins | None
    turns: Turns | None


def summarise(prepared: Path, name: str) -> Summary:
    """The figures of the tables in ``prepared``. InputError for tables that are missing, damaged or lack columns."""
    source = read_object(prepared / "source.json", "run stage prepare")
    with opened(prepared) as connection:
        judgements = connection.sql(JUDGEMENTS).to_arrow_table()
        return Summary(
            name=name,
            counts=_counts(connection),
            source={key: source[key] for key in TOLD if source.get(key)},
            dropped=dict(source.get("dropped") or {}),
            noted=dict(source.get("noted") or {}),
            lengths=_lengths(connection),
            pairs_per_user=distribution_of(judgements["pairs"]),
            agreement=agreement_of(connection),
            balance=balance_of(connection),
            margins=_margins(connection),
            turns=_turns(connection),
        )


def read_examples(prepared: Path, count: int) -> tuple[Example, ...]:
    """At most ``count`` pairs to read."""
    if count < 1:
        return ()
    with opened(prepared) as connection:
        pairs = connection.sql(FIRST_PAIRS.format(CANDIDATES * count)).to_arrow_table()
        connection.register("first_pairs", pairs)
        return examples_of(connection.sql(THEIR_TEXTS).to_arrow_table(), pairs, count)


def _counts(connection: DuckDBPyConnection) -> dict[str, int]:
    views = {name for (name,) in connection.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    queries = [COUNTS]
    queries += [COUNTS_OF_CANDIDATES] if "candidates" in views else []
    queries += [COUNTS_OF_PROMPTS] if "prompts" in views else []
    return {
        name: count
        for query in queries
        for name, count in connection.sql(query).to_arrow_table().to_pylist()[0].items()
    }


def _lengths(connection: DuckDBPyConnection) -> dict[str, Distribution]:
    found = {}
    for what, query in LENGTHS.items():
        table = connection.sql(query).to_arrow_table()
        for unit in table.column_names:
            if (spread := distribution_of(table[unit])) is not None:
                found[f"{what} {unit}"] = spread
    return found


def _margins(connection: DuckDBPyConnection) -> Margins | None:
    known, mean, quantiles = connection.execute(MARGINS).fetchone() or (0, 0.0, [])
    return Margins(known, mean, tuple(quantiles)) if known else None


def _turns(connection: DuckDBPyConnection) -> Turns | None:
    known, different, least, most = connection.execute(TURNS).fetchone() or (0, 0, 0, 0)
    if not known:
        return None
    pairs = dict(connection.execute(PAIRS_OF_TURNS).fetchall()) if different <= MOST_TURNS else {}
    return Turns(known, different, least, most, pairs)
